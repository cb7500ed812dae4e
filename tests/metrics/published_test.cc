#include "relay/metrics/published.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace xylem {
namespace {

struct Sums {
  std::uint64_t total = 0;
  std::uint64_t parts[7]{};
  [[nodiscard]] bool balances() const {
    std::uint64_t sum = 0;
    for (const std::uint64_t part : parts) sum += part;
    return sum == total;
  }
};

TEST(Published, ShowsZeroesBeforeTheFirstTime) {
  const Published<Sums> shown;
  EXPECT_EQ(shown.read().total, 0u);
}

TEST(Published, ShowsWhatWasPublishedLast) {
  Published<Sums> shown;
  shown.publish({.total = 1, .parts = {1}});
  shown.publish({.total = 5, .parts = {2, 3}});
  EXPECT_EQ(shown.read().total, 5u);
  EXPECT_EQ(shown.read().parts[1], 3u);
}

// A copy is as of one moment: sums that balance when published balance when read, and never go
// back.
TEST(Published, NeverTears) {
  constexpr std::uint64_t kRounds = 100'000;
  Published<Sums> shown;
  std::thread writer([&] {
    Sums sums;
    for (std::uint64_t round = 0; round < kRounds; ++round) {
      ++sums.parts[round % 7];
      ++sums.total;
      shown.publish(sums);
    }
  });
  const auto read = [&] {
    for (std::uint64_t last = 0; last < kRounds;) {
      const Sums sums = shown.read();
      ASSERT_TRUE(sums.balances()) << "at " << sums.total;
      ASSERT_GE(sums.total, last);
      last = sums.total;
    }
  };
  std::thread reader(read);
  read();
  reader.join();
  writer.join();
}

}  // namespace
}  // namespace xylem
