// Goal    a walk comes by every task that stays, newest change first, whatever happens meanwhile.
// Method  a state that is told more between two steps.

#include "relay/cluster/task_walk.h"

#include <gtest/gtest.h>

#include "tests/cluster/life_stories.h"

namespace xylem::cluster {
namespace {

class TaskWalkTest : public ::testing::Test {
 protected:
  void tell(std::string_view type, const std::string& uuid) {
    ++now_us_;
    testing::tell(state_,
                  testing::story_event(std::string(type) + " A " + std::to_string(now_us_) +
                                       " 100 uuid=\"" + uuid + "\""),
                  now_us_);
  }
  std::string step() {
    const TaskNumber number = walk_.next(state_.tasks());
    return number == kNoTask ? "" : std::string(state_.tasks().at(number).uuid());
  }
  std::string rest() {
    std::string all;
    for (std::string uuid = step(); !uuid.empty(); uuid = step()) all += uuid + " ";
    return all;
  }
  std::int64_t now_us_ = 200'000'000;
  State state_{{}};
  TaskWalk walk_;
};

TEST_F(TaskWalkTest, GoesByTheLastChangeThroughFinishedAndUnfinished) {
  for (const char* uuid : {"a", "b", "c", "d"}) tell("received", uuid);
  tell("succeeded", "b");
  tell("started", "a");
  tell("succeeded", "d");
  EXPECT_EQ(rest(), "d a b c ");
}

TEST_F(TaskWalkTest, GoesOnWhereItWasThoughOthersMoveAndLeave) {
  for (const char* uuid : {"a", "b", "c", "d", "e"}) tell("received", uuid);
  EXPECT_EQ(step(), "e");
  EXPECT_EQ(step(), "d");
  tell("succeeded", "d");  // to the other list's front, which the walk has begun
  tell("started", "e");
  tell("started", "b");  // moves before it is come by
  tell("received", "new");
  walk_.resume(state_.tasks());
  EXPECT_EQ(step().substr(0, 1), "n");  // nobody of those it knew is in place: from the front
}

TEST_F(TaskWalkTest, KeepsItsPlaceByThoseItHasPassed) {
  for (const char* uuid : {"a", "b", "c", "d", "e"}) tell("received", uuid);
  EXPECT_EQ(step(), "e");
  EXPECT_EQ(step(), "d");
  tell("started", "d");
  tell("started", "c");
  tell("received", "new");
  walk_.resume(state_.tasks());
  EXPECT_EQ(rest(), "b a ");
}

TEST_F(TaskWalkTest, EndsWithNobody) { EXPECT_EQ(rest(), ""); }

}  // namespace
}  // namespace xylem::cluster
