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

TEST(Tallies, ReadsCelerysTimes) {
  EXPECT_EQ(microseconds_of_iso("1970-01-01T00:00:01"), 1 * kSecond);
  EXPECT_EQ(microseconds_of_iso("1970-01-01T00:00:01.25+00:00"), 1'250'000);
  EXPECT_EQ(microseconds_of_iso("1970-01-01T02:00:01.250000+02:00"), 1'250'000);
  EXPECT_EQ(microseconds_of_iso("1970-01-01T00:00:01Z"), 1 * kSecond);
  EXPECT_EQ(microseconds_of_iso("2026-11-28T08:00:00"), 1'795'852'800 * kSecond);
  for (const char* wrong : {"", "now", "1970-13-01T00:00:00", "1970-01-01", "1970-02-30T00:00:00",
                            "1970-01-01T00:00:00+2"}) {
    EXPECT_FALSE(microseconds_of_iso(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace xylem::cluster
