#include "relay/base/clock.h"

#include <gtest/gtest.h>

#include "tests/doubles/manual_clock.h"

namespace xylem {
namespace {

using namespace std::chrono_literals;

TEST(Instant, IsMovedByDurationsAndSubtractsToOne) {
  const Instant start{5s};
  EXPECT_EQ(start + 2s, Instant{7s});
  EXPECT_EQ((start + 2s) - start, Duration(2s));
  EXPECT_LT(start, start + 1ns);
}

TEST(SystemClock, DoesNotGoBack) {
  const SystemClock clock;
  Instant last = clock.now();
  for (int i = 0; i < 10'000; ++i) {
    const Instant now = clock.now();
    ASSERT_GE(now, last);
    last = now;
  }
}

TEST(SystemClock, TellsTheWallTimeInMicroseconds) {
  constexpr std::int64_t kYear2020Us = 1'577'836'800'000'000;
  EXPECT_GT(SystemClock().wall_us(), kYear2020Us);
  EXPECT_LT(SystemClock().wall_us(), 4 * kYear2020Us);
}

TEST(AscendingClock, TellsTheWallTime) {
  testing::ManualClock manual;
  const AscendingClock clock(manual);
  EXPECT_EQ(clock.wall_us(), manual.wall_us());
  manual.set_wall(1h);
  EXPECT_EQ(clock.wall_us(), manual.wall_us());
}

TEST(AscendingClock, GoesOnAtTheSamePaceWhenTheWallClockIsSetBack) {
  testing::ManualClock manual;
  const AscendingClock clock(manual);
  const std::int64_t before = clock.wall_us();
  manual.set_wall(-30s);
  EXPECT_EQ(clock.wall_us(), before);
  manual.advance(5s);
  EXPECT_EQ(clock.wall_us(), before + 5'000'000);
  manual.set_wall(40s);
  EXPECT_EQ(clock.wall_us(), manual.wall_us()) << "it has caught up";
}

TEST(AscendingClock, BeginsWhereAnEarlierLifeWas) {
  const testing::ManualClock manual;
  EXPECT_EQ(AscendingClock(manual, manual.wall_us() + 7).wall_us(), manual.wall_us() + 7);
  EXPECT_EQ(AscendingClock(manual, manual.wall_us() - 7).wall_us(), manual.wall_us());
}

TEST(AscendingClock, BelievesNoFileThatTellsAnImpossibleTime) {
  const testing::ManualClock manual;
  EXPECT_EQ(AscendingClock(manual, INT64_MAX).wall_us(), manual.wall_us());
  EXPECT_EQ(AscendingClock(manual, INT64_MIN).wall_us(), manual.wall_us());
}

TEST(ManualClock, MovesOnlyWhenMoved) {
  testing::ManualClock clock;
  const Instant start = clock.now();
  const std::int64_t wall = clock.wall_us();
  EXPECT_EQ(clock.now(), start);
  clock.advance(3ms);
  EXPECT_EQ(clock.now() - start, Duration(3ms));
  EXPECT_EQ(clock.wall_us() - wall, 3000);
}

}  // namespace
}  // namespace xylem
