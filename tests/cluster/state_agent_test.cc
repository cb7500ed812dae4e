// Goal    the state never holds the pipeline up, says when it was blind, and judges nobody for it.
// Method  an agent with a ring of its own and a clock in hand.

#include "relay/cluster/state_agent.h"

#include <gtest/gtest.h>

#include "tests/doubles/batches.h"
#include "tests/doubles/manual_clock.h"

namespace xylem::cluster {
namespace {

constexpr std::int64_t kSecond = 1'000'000;

class Agents : public ::testing::Test {
 protected:
  explicit Agents(std::uint64_t tap_bytes = 1 << 20)
      : agent_(options(tap_bytes), edge_, clock_, [this] { return cut_off_; }) {
    edge_.join(bell_, bell_);
    EXPECT_TRUE(agent_.on_start());
  }
  static StateAgent::Options options(std::uint64_t tap_bytes) {
    StateAgent::Options options;
    options.tap.bytes_max = tap_bytes;
    return options;
  }
  void offer(const std::vector<std::string>& bodies) {
    std::vector<testing::Said> events;
    for (const std::string& body : bodies) events.push_back({"task.x", body});
    auto batch = testing::batch_of(events);
    batch->stamp({1}, next_, clock_.wall_us());
    next_ = next_.after(bodies.size());
    edge_.push(BatchRef(std::move(batch)).release());
  }
  std::string heartbeat(const std::string& host) {
    return R"({"type": "worker-heartbeat", "freq": 2, "hostname": ")" + host +
           R"(", "timestamp": )" + std::to_string(clock_.wall_us() / kSecond) + "}";
  }
  std::string started(const std::string& uuid) {
    return R"({"type": "task-started", "uuid": ")" + uuid + R"(", "hostname": "A", "timestamp": )" +
           std::to_string(clock_.wall_us() / kSecond) + "}";
  }
  void work() {
    while (agent_.do_work(clock_.now()) != 0) {
    }
  }
  void pass(Duration by) {
    clock_.advance(by);
    work();
  }
  Verdict verdict(const std::string& host) {
    const State& state = agent_.shared().state;
    return state.verdict(*state.workers().find(state.hosts().find(host)), agent_.shared().now_us);
  }
  testing::ManualClock clock_;
  Doorbell bell_;
  SinkEdge edge_{"state", 64};
  Sequence next_{1};
  bool cut_off_ = false;
  StateAgent agent_;
};

TEST_F(Agents, TakesWhatItIsOffered) {
  offer({started("a"), started("b")});
  work();
  EXPECT_EQ(agent_.shared().state.tasks().size(), 2u);
  EXPECT_EQ(agent_.shared().as_of, 2u);
  EXPECT_TRUE(edge_.empty());
}

TEST_F(Agents, BuriesWhoIsSilentWhileTheRelayListens) {
  offer({heartbeat("A")});
  work();
  for (int i = 0; i < 4; ++i) pass(std::chrono::seconds(1));
  EXPECT_EQ(verdict("A"), Verdict::dead);
  EXPECT_EQ(agent_.shared().state.counters().buried, 1u);
}

TEST_F(Agents, BuriesNobodyForItsOwnPause) {
  offer({heartbeat("A")});
  work();
  pass(std::chrono::seconds(60));
  EXPECT_EQ(verdict("A"), Verdict::unknown);
  EXPECT_EQ(agent_.shared().state.counters().buried, 0u);
  offer({heartbeat("A")});
  pass(std::chrono::seconds(1));
  EXPECT_EQ(verdict("A"), Verdict::alive);
}

TEST_F(Agents, BuriesNobodyWhileASourceIsCutOff) {
  offer({heartbeat("A")});
  work();
  cut_off_ = true;
  for (int i = 0; i < 300; ++i) pass(std::chrono::seconds(1));
  EXPECT_EQ(verdict("A"), Verdict::unknown);
  EXPECT_EQ(agent_.shared().state.counters().buried, 0u);
  cut_off_ = false;
  for (int i = 0; i < 6; ++i) pass(std::chrono::seconds(1));
  EXPECT_EQ(verdict("A"), Verdict::dead);
}

class NarrowAgents : public Agents {
 protected:
  NarrowAgents() : Agents(4096) {}
};

TEST_F(NarrowAgents, LetsGoOfTheOldestAndSaysThatItIsBlind) {
  clock_.advance(std::chrono::seconds(1));
  offer({started("first")});
  work();
  const std::int64_t before_us = clock_.wall_us();
  std::uint64_t offered = 1;
  for (int i = 0; i < 60; ++i) {
    clock_.advance(std::chrono::milliseconds(1));
    offer({started("t" + std::to_string(i))});
    ++offered;
  }
  work();
  const State& state = agent_.shared().state;
  EXPECT_TRUE(edge_.empty());
  EXPECT_LT(state.tasks().size(), offered);
  EXPECT_NE(state.tasks().find("t59"), kNoTask);
  ASSERT_EQ(state.blindnesses().size(), 2u);
  EXPECT_EQ(state.blindnesses().back().from_us, before_us);
  EXPECT_EQ(state.blindnesses().back().events, offered - state.tasks().size());
  const TapFigures figures = agent_.board().rows().front().figures;
  EXPECT_TRUE(figures.ledger.balances());
  EXPECT_EQ(figures.ledger.accepted, offered);
}

}  // namespace
}  // namespace xylem::cluster
