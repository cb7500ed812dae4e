#include "relay/cluster/tallies.h"

#include <gtest/gtest.h>

namespace xylem::cluster {
namespace {

constexpr std::int64_t kSecond = 1'000'000;

TEST(Rate, IsThatOfTheLastMinute) {
  Rate rate;
  for (std::int64_t second = 1000; second < 1100; ++second) {
    for (int i = 0; i < 7; ++i) rate.add(second * kSecond);
  }
  EXPECT_NEAR(rate.per_second(1100 * kSecond), 7, 0.01);
  EXPECT_LT(rate.per_second(1130 * kSecond), 4);
  EXPECT_EQ(rate.per_second(2000 * kSecond), 0);
}

}  // namespace
}  // namespace xylem::cluster
