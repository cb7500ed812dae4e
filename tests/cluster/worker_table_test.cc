// Goal    a worker is dead when it must be, and never because the relay did not look or listen.
// Method  events with given times; the clock is an argument.

#include "relay/cluster/worker_table.h"

#include <gtest/gtest.h>

#include "tests/cluster/life_stories.h"

namespace xylem::cluster {
namespace {

constexpr std::int64_t kSecond = 1'000'000;

class Workers : public ::testing::Test {
 protected:
  void at(std::int64_t second, std::string_view line) {
    testing::tell(state_, testing::story_event(line), second * kSecond);
  }
  const Worker& worker(std::string_view host = "A") {
    return *state_.workers().find(state_.hosts().find(host));
  }
  Verdict verdict(double second, std::string_view host = "A") {
    return state_.verdict(worker(host), static_cast<std::int64_t>(second * kSecond));
  }
  State state_{{}};
};

TEST_F(Workers, IsLateAfterOneBeatAndDeadAfterTwo) {
  at(100, "heartbeat A 1 100 freq=2");
  EXPECT_EQ(verdict(102), Verdict::alive);
  EXPECT_EQ(verdict(103.5), Verdict::late);
  EXPECT_EQ(verdict(104), Verdict::dead);
}

TEST_F(Workers, IsDeadAtOnceWhenItSaysSoAndNotRevivedByWhatWasSentBefore) {
  at(100, "heartbeat A 1 100 freq=2");
  at(101, "offline A 5 101");
  at(102, "succeeded A 4 100.5");
  EXPECT_EQ(verdict(102), Verdict::dead);
  EXPECT_EQ(worker().late_events, 1u);
  at(103, "online A 1 103 pid=8");
  EXPECT_EQ(verdict(103), Verdict::alive);
  EXPECT_EQ(worker().restarts, 1u);
}

TEST_F(Workers, WhoseClockIsAheadDiesAsWell) {
  at(100, "heartbeat A 1 1100 freq=2");
  at(101, "started A 2 1101");
  EXPECT_EQ(verdict(102), Verdict::alive);
  EXPECT_EQ(verdict(106), Verdict::dead);
  EXPECT_EQ(worker().skew_us, -1000 * kSecond);
}

TEST_F(Workers, IsNoYoungerForAnEventThatWasLongOnItsWay) {
  at(100, "heartbeat A 1 100 freq=2");
  at(200, "heartbeat A 2 102 freq=2");
  EXPECT_EQ(verdict(200), Verdict::dead);
}

TEST_F(Workers, IsUnknownWhereTheRelayWasBlind) {
  at(100, "heartbeat A 1 100 freq=2");
  state_.note_blindness({101 * kSecond, 161 * kSecond, 0});
  EXPECT_EQ(verdict(162), Verdict::unknown);
  state_.pass_time(162 * kSecond);
  EXPECT_EQ(worker().offline_us, 0);
  EXPECT_EQ(verdict(165), Verdict::dead);
  at(163, "heartbeat A 2 163 freq=2");
  EXPECT_EQ(verdict(164), Verdict::alive);
}

TEST_F(Workers, SilentForTooLongIsBuriedAndItsTasksAreOrphans) {
  at(100, "heartbeat A 1 100 freq=2");
  at(100, "started A 2 100.1");
  at(100, R"(succeeded A 3 100.2 uuid="done")");
  state_.pass_time(103 * kSecond);
  EXPECT_EQ(state_.counters().buried, 0u);
  state_.pass_time(105 * kSecond);
  EXPECT_EQ(state_.counters().buried, 1u);
  EXPECT_TRUE(worker().offline_synthesised);
  EXPECT_TRUE(state_.tasks().at(state_.tasks().find("t")).orphaned);
  EXPECT_EQ(state_.counters().orphaned, 1u);
  // Its own word, late: it had only been cut off.
  at(106, "succeeded A 4 106");
  EXPECT_EQ(verdict(106), Verdict::alive);
  EXPECT_FALSE(state_.tasks().at(state_.tasks().find("t")).orphaned);
}

TEST_F(Workers, ThatComesAndGoesIsFlapping) {
  for (int i = 0; i < 3; ++i) {
    at(100 + 10 * i, "online A 1 " + std::to_string(100 + 10 * i) + " freq=2");
    at(105 + 10 * i, "offline A 2 " + std::to_string(105 + 10 * i));
  }
  EXPECT_TRUE(state_.workers().is_flapping(worker(), 130 * kSecond));
  EXPECT_FALSE(state_.workers().is_flapping(worker(), 1000 * kSecond));
}

TEST(WorkerTable, IsBoundedAndTheLongestDeadMakesRoom) {
  State::Options options;
  options.workers.workers_max = 2;
  State state(options);
  testing::tell(state, testing::story_event("online A 1 100"), 100 * kSecond);
  testing::tell(state, testing::story_event("offline A 2 101"), 101 * kSecond);
  testing::tell(state, testing::story_event("online B 1 102"), 102 * kSecond);
  testing::tell(state, testing::story_event("online C 1 103"), 103 * kSecond);
  EXPECT_EQ(state.workers().find(state.hosts().find("A")), nullptr);
  EXPECT_NE(state.workers().find(state.hosts().find("C")), nullptr);
  testing::tell(state, testing::story_event("online D 1 104"), 104 * kSecond);
  EXPECT_EQ(state.workers().evicted(), 1u);
  EXPECT_EQ(state.workers().turned_away(), 1u);
}

}  // namespace
}  // namespace xylem::cluster
