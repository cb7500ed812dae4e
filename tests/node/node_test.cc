#include "relay/node/node.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/doubles/running_node.h"

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
  EXPECT_EQ(agents, (std::vector<std::string>{"push", "acked", "pipeline", "publish", "stream"}))
      << "in flow order";
  EXPECT_EQ(report.events_left(), 0u);
  EXPECT_FALSE(report.any_late());
}

}  // namespace
}  // namespace xylem
