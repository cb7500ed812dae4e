// Goal    a runner starts its agents in order, calls them all on one thread, wakes for their work,
// and
//         stops each by its deadline with an account of what was left.
// Method  toy agents that a test feeds and watches from outside through atomics.

#include "relay/agent/agent_runner.h"

#include <gtest/gtest.h>

#include <thread>

namespace xylem {
namespace {

using namespace std::chrono_literals;

// Moves numbers from a counter that the test raises; writes down what is called, in order.
class ToyAgent final : public Agent {
 public:
  ToyAgent(std::string name, std::vector<std::string>& calls)
      : name_(std::move(name)), calls_(calls) {}

  std::string_view name() const override { return name_; }
  Result<void> on_start() override {
    calls_.push_back(name_ + " start");
    thread = std::this_thread::get_id();
    if (fails_to_start) return fail(ErrorCode::io, name_ + " cannot start");
    return {};
  }
  std::size_t do_work(Instant now) override {
    EXPECT_EQ(std::this_thread::get_id(), thread);
    if (due() && now >= *due()) {
      due_ns = 0;
      ++offered;
    }
    const std::size_t moved = offered.load() - done.load();
    done += moved;
    return moved;
  }
  bool has_work() override { return offered.load() != done.load(); }
  void wait_fds(std::vector<int>&) const override {}
  std::optional<Instant> due() const override {
    const std::int64_t at = due_ns.load();
    return at == 0 ? std::nullopt : std::optional(Instant{Duration(at)});
  }
  Drain drain(Instant now) override {
    if (first_drain == Instant{}) first_drain = now;
    do_work(now);
    return never_finishes ? Drain::unfinished : Drain::finished;
  }
  std::uint64_t on_stop() override {
    calls_.push_back(name_ + " stop");
    return left;
  }

  bool fails_to_start = false;
  bool never_finishes = false;
  std::uint64_t left = 0;
  std::thread::id thread;
  Instant first_drain;
  std::atomic<std::size_t> offered{0};
  std::atomic<std::size_t> done{0};
  std::atomic<std::int64_t> due_ns{0};

 private:
  std::string name_;
  std::vector<std::string>& calls_;
};

class AgentRunnerTest : public ::testing::Test {
 protected:
  // True once the agent has done so much; the runner must not need its safety net for it.
  bool done_soon(ToyAgent& agent, std::size_t count) {
    const Instant limit = clock.now() + 20s;
    while (agent.done.load() < count) {
      if (clock.now() > limit) return false;
      std::this_thread::yield();
    }
    return true;
  }
  double sampled(Metric metric) {
    Samples samples;
    runner.sample(samples);
    for (const Sample& sample : samples) {
      if (sample.metric == metric) return sample.value;
    }
    return -1;
  }

  std::vector<std::string> calls;
  ToyAgent first{"first", calls};
  ToyAgent second{"second", calls};
  SystemClock clock;
  AgentRunner runner{"test", {&first, &second}, clock, 10s};
};

TEST_F(AgentRunnerTest, StartsItsAgentsInOrderOnOneThreadOfItsOwn) {
  ASSERT_TRUE(runner.start());
  EXPECT_EQ(calls, (std::vector<std::string>{"first start", "second start"}));
  EXPECT_EQ(first.thread, second.thread);
  EXPECT_NE(first.thread, std::this_thread::get_id());
}

TEST_F(AgentRunnerTest, StopsThoseThatStartedWhenALaterOneCannot) {
  second.fails_to_start = true;
  const auto outcome = runner.start();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().message, "second cannot start");
  EXPECT_EQ(calls, (std::vector<std::string>{"first start", "second start", "first stop"}));
}

TEST_F(AgentRunnerTest, StartsNoneBehindTheOneThatCannot) {
  first.fails_to_start = true;
  EXPECT_FALSE(runner.start());
  EXPECT_EQ(calls, (std::vector<std::string>{"first start"}));
}

TEST_F(AgentRunnerTest, DoesWorkThatItIsRungFor) {
  ASSERT_TRUE(runner.start());
  for (std::size_t i = 1; i <= 2000; ++i) {
    ToyAgent& agent = i % 2 == 0 ? first : second;
    ++agent.offered;
    runner.doorbell().ring();
    ASSERT_TRUE(done_soon(agent, (i + 1) / 2)) << "at " << i;
  }
  EXPECT_EQ(sampled(Metric::agent_missed_wakeups), 0);
  EXPECT_GT(sampled(Metric::agent_cycles), 0);
  EXPECT_LT(runner.heartbeat_age(), Duration(20s));
}

TEST_F(AgentRunnerTest, WakesForAnAgentThatIsDue) {
  const Instant begun = clock.now();
  second.due_ns = (begun + 20ms).since_boot.count();
  ASSERT_TRUE(runner.start());
  ASSERT_TRUE(done_soon(second, 1));
  EXPECT_LT(clock.now() - begun, Duration(10s)) << "not by the safety net";
  EXPECT_EQ(sampled(Metric::agent_missed_wakeups), 0);
}

TEST_F(AgentRunnerTest, StopsOneAgentWhileTheOtherWorksOn) {
  ASSERT_TRUE(runner.start());
  first.left = 5;
  runner.request_stop(first, clock.now() + 20s);
  ASSERT_TRUE(runner.wait_finished(first, clock.now() + 20s));
  EXPECT_EQ(runner.left_behind(first), 5u);
  EXPECT_FALSE(runner.wait_finished(second, clock.now()));
  ++second.offered;
  runner.doorbell().ring();
  EXPECT_TRUE(done_soon(second, 1));
  runner.request_stop(second, clock.now() + 20s);
  EXPECT_TRUE(runner.wait_finished(second, clock.now() + 20s));
  EXPECT_EQ(runner.left_behind(second), 0u);
}

TEST_F(AgentRunnerTest, DrainsBeforeItStops) {
  ASSERT_TRUE(runner.start());
  first.offered = 3;
  runner.request_stop(first, clock.now() + 20s);
  ASSERT_TRUE(runner.wait_finished(first, clock.now() + 20s));
  EXPECT_EQ(first.done.load(), 3u);
}

TEST_F(AgentRunnerTest, StopsAtItsDeadlineWhatDoesNotFinish) {
  first.never_finishes = true;
  first.left = 7;
  ASSERT_TRUE(runner.start());
  const Instant deadline = clock.now() + 100ms;
  runner.request_stop(first, deadline);
  ASSERT_TRUE(runner.wait_finished(first, clock.now() + 20s));
  EXPECT_GE(clock.now(), deadline);
  EXPECT_GT(first.first_drain, Instant{}) << "it was given its time";
  EXPECT_EQ(runner.left_behind(first), 7u);
}

TEST_F(AgentRunnerTest, TakesAnEarlierDeadlineWhenAskedAgain) {
  first.never_finishes = true;
  ASSERT_TRUE(runner.start());
  runner.request_stop(first, clock.now() + 1h);
  EXPECT_FALSE(runner.wait_finished(first, clock.now() + 20ms));
  runner.request_stop(first, clock.now());
  EXPECT_TRUE(runner.wait_finished(first, clock.now() + 20s));
}

TEST_F(AgentRunnerTest, StopsEveryAgentWhenItIsDestroyed) {
  {
    AgentRunner short_lived("short", {&first, &second}, clock);
    ASSERT_TRUE(short_lived.start());
  }
  EXPECT_EQ(calls.size(), 4u);
}

TEST(AgentRunner, CanBeStartedAndStoppedTwoHundredTimes) {
  const SystemClock clock;
  for (int round = 0; round < 200; ++round) {
    std::vector<std::string> calls;
    ToyAgent agent("agent", calls);
    AgentRunner runner("again", {&agent}, clock);
    ASSERT_TRUE(runner.start());
    runner.request_stop(agent, clock.now() + 20s);
    ASSERT_TRUE(runner.wait_finished(agent, clock.now() + 20s));
  }
}

TEST(AgentRunner, CanBeDestroyedWithoutAStart) {
  const SystemClock clock;
  std::vector<std::string> calls;
  ToyAgent agent("agent", calls);
  { const AgentRunner runner("never", {&agent}, clock); }
  EXPECT_TRUE(calls.empty());
}

}  // namespace
}  // namespace xylem
