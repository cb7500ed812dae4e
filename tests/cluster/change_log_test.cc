// Goal    a reader of changes finds its place again, and knows what it missed.
// Method  a small log that is written past its end.

#include "relay/cluster/change_log.h"

#include <gtest/gtest.h>

namespace xylem::cluster {
namespace {

TEST(ChangeLog, KeepsTheLatestAndCountsAll) {
  ChangeLog log(4);
  EXPECT_EQ(log.begin(), log.end());
  for (std::uint64_t i = 1; i <= 6; ++i) log.add({i * 10, static_cast<TaskNumber>(i), 0});
  EXPECT_EQ(log.begin(), 2u);
  EXPECT_EQ(log.end(), 6u);
  for (ChangeLog::Place place = 2; place < 6; ++place) {
    EXPECT_EQ(log.at(place).sequence, (place + 1) * 10);
  }
}

TEST(ChangeLog, FindsWhatIsBehindASequence) {
  ChangeLog log(4);
  EXPECT_EQ(log.after(7), 0u);
  for (std::uint64_t i = 1; i <= 6; ++i) log.add({i * 10, 1, 0});
  EXPECT_EQ(log.after(0), 2u);
  EXPECT_EQ(log.after(30), 3u);
  EXPECT_EQ(log.after(45), 4u);
  EXPECT_EQ(log.after(60), 6u);
}

}  // namespace
}  // namespace xylem::cluster
