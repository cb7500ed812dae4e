#include "relay/node/node.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/doubles/log_on_disk.h"
#include "tests/doubles/running_node.h"
#include "tests/doubles/sockets.h"

namespace xylem {
namespace {

using testing::RunningNode;

bool all_pass(const std::vector<Check>& checks) {
  return std::all_of(checks.begin(), checks.end(), [](const Check& check) { return check.passed; });
}

TEST(Node, IsAliveAndReadyOnceStarted) {
  RunningNode relay;
  EXPECT_TRUE(all_pass(relay.node().liveness()));
  EXPECT_TRUE(all_pass(relay.node().readiness()));
}

TEST(Node, StartsAndStopsAgainAndAgain) {
  for (int i = 0; i < 50; ++i) RunningNode relay;
}

TEST(Node, TwoLiveInOneProcess) {
  RunningNode one;
  RunningNode other;
  EXPECT_TRUE(all_pass(one.node().readiness()) && all_pass(other.node().readiness()));
}

TEST(Node, SaysWhichAddressIsInUseAndLeavesNothingRunning) {
  RunningNode first;
  Config config;
  config.push.listen = {first.push()};
  config.acked.listen = config.publish.listen = config.stream.listen = {};
  config.http.listen = {};
  const auto second = Node::open(config, first.clock()).value();
  const auto started = second->start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ErrorCode::address_in_use);
  EXPECT_NE(started.error().message.find(first.push().text()), std::string::npos);
}

TEST(Node, SaysThatTheTimesItStoresAreAheadOfTheClock) {
  testing::TempDir folder;
  for (const bool spooling : {false, true}) {
    Config config;
    if (spooling) config.spool_directory = folder.path() + "/spool";
    RunningNode relay(config);
    const auto check = [&relay] {
      const std::vector<Check> checks = relay.node().readiness();
      return *std::find_if(checks.begin(), checks.end(), [](const Check& one) {
        return one.name == "stored times keep to the clock";
      });
    };
    EXPECT_TRUE(check().passed);
    EXPECT_LT(relay.sampled(Metric::clock_ahead), 1);
    relay.set_wall(std::chrono::seconds(-50));
    EXPECT_TRUE(check().passed) << "clocks are set by so much";
    relay.set_wall(std::chrono::seconds(-50));
    EXPECT_FALSE(check().passed);
    EXPECT_FALSE(check().required) << "it does its work";
    EXPECT_NE(check().why.find(spooling ? "xylem spool drop" : "restart"), std::string::npos);
    EXPECT_NEAR(relay.sampled(Metric::clock_ahead), 100, 5);
  }
}

TEST(Node, SaysAtItsStartThatTheLogIsAheadOfTheClock) {
  testing::LogOnDisk log;
  log.now_us = SystemClock().wall_us() + 7'200'000'000;
  log.open();
  ASSERT_EQ(log.append(3), LogWriter::Outcome::written);
  log.finish();
  Config config;
  config.spool_directory = log.folder.path();
  RunningNode relay(config);
  EXPECT_NEAR(relay.sampled(Metric::clock_ahead), 7200, 60);
  EXPECT_FALSE(all_pass(relay.node().readiness()));
}

TEST(Node, ReloadsWhatCanChange) {
  RunningNode relay;
  Config config = relay.node().config();
  config.drain_deadline = std::chrono::seconds(3);
  EXPECT_TRUE(relay.node().reload(config));
  EXPECT_EQ(relay.node().config().drain_deadline, std::chrono::seconds(3));
}

TEST(Node, RefusesAReloadWholeIfOnePartCannotChange) {
  RunningNode relay;
  Config config = relay.node().config();
  config.drain_deadline = std::chrono::seconds(3);
  config.ring_batches = 512;
  const auto reloaded = relay.node().reload(config);
  ASSERT_FALSE(reloaded);
  EXPECT_NE(reloaded.error().message.find("pipeline.ring_batches"), std::string::npos);
  EXPECT_EQ(relay.node().config().drain_deadline, std::chrono::seconds(10))
      << "nothing was changed";
}

TEST(Node, IsNotReadyWhileItStops) {
  RunningNode relay;
  static_cast<void>(relay.node().stop(relay.clock().now(), [] { return true; }));
  EXPECT_FALSE(all_pass(relay.node().readiness()));
}

TEST(Node, ReportsEveryAgentWhenItStops) {
  RunningNode relay;
  const StopReport report =
      relay.node().stop(relay.clock().now() + std::chrono::seconds(5), [] { return false; });
  std::vector<std::string> agents;
  for (const auto& line : report.lines) agents.push_back(line.agent);
  EXPECT_EQ(agents,
            (std::vector<std::string>{"push", "acked", "pipeline", "state", "publish", "stream"}))
      << "in flow order";
  EXPECT_EQ(report.events_left(), 0u);
  EXPECT_FALSE(report.any_late());
}

}  // namespace
}  // namespace xylem
