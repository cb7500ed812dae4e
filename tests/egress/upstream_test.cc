// Goal    what a sidecar accepts arrives at the relays upstream, once, in each worker's order,
//         whichever of them is away for a while; and its ledger balances.
// Method  real relays in one process, ipc between them, spools in folders that outlive them.

#include "relay/egress/upstream.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/doubles/running_node.h"
#include "tests/doubles/sockets.h"
#include "tests/doubles/tested_engine.h"

namespace xylem {
namespace {

using testing::RunningNode;

class UpstreamTest : public ::testing::Test {
 protected:
  Config sidecar(const std::vector<std::string>& upstream) {
    Config config;
    config.acked.listen = {};
    config.spool_directory = folder.path() + "/sidecar";
    for (const std::string& name : upstream) config.upstream.connect.push_back(folder.ipc(name));
    config.upstream.failover_after = std::chrono::milliseconds(300);
    return config;
  }
  Config central(const std::string& name) {
    Config config;
    config.acked.listen = {folder.ipc(name)};
    config.spool_directory = folder.path() + "/spool-" + name;
    return config;
  }
  void send(RunningNode& to, int worker, int events) {
    Socket push(context, SocketKind::push, {.linger_ms = 5'000});
    ASSERT_TRUE(push.connect(to.push()));
    for (int n = 0; n < events; ++n) {
      const std::string body =
          fmt::format(R"({{"type":"task-sent","hostname":"w{}","n":{}}})", worker, ++sent_[worker]);
      ASSERT_EQ(testing::send_soon(push, {"task.sent", body}), SendOutcome::sent);
    }
    accepted += events;
    ASSERT_TRUE(soon([&] {
      static_cast<void>(push.writable());  // a native socket gets on only when it is asked
      return to.sampled(Metric::source_accepted) >= accepted;
    }));
  }
  static Ledger ledger(RunningNode& relay) {
    for (const TapBoard::Row& row : relay.node().taps()) {
      if (row.sink == "upstream") return row.figures.ledger;
    }
    return {};
  }
  template <class Holds>
  [[nodiscard]] bool soon(Holds holds) {
    const Instant deadline = clock.now() + std::chrono::seconds(20);
    for (pollfd nothing{-1, 0, 0}; !holds(); ::poll(&nothing, 1, 2)) {
      if (clock.now() > deadline) return false;
    }
    return true;
  }
  [[nodiscard]] bool delivered(RunningNode& relay, double events) {
    return soon([&] {
      return ledger(relay).held == 0 && static_cast<double>(ledger(relay).delivered) >= events;
    });
  }
  static double taken_in(RunningNode& relay) { return relay.sampled(Metric::source_accepted); }

  testing::TempDir folder;
  SystemClock clock;
  Context context{testing::tested_engine()};
  double accepted = 0;

 private:
  std::map<int, int> sent_;
};

TEST_F(UpstreamTest, EverythingArrivesOnce) {
  RunningNode up(central("a"));
  RunningNode relay(sidecar({"a"}));
  send(relay, 1, 500);
  ASSERT_TRUE(delivered(relay, 500));
  EXPECT_EQ(taken_in(up), 500);
  EXPECT_EQ(up.sampled(Metric::acked_duplicates), 0);
  EXPECT_TRUE(ledger(relay).balances());
}

TEST_F(UpstreamTest, WaitsInTheSpoolForOneThatIsAway) {
  RunningNode relay(sidecar({"a"}));
  send(relay, 1, 300);
  ASSERT_TRUE(soon([&] { return ledger(relay).held == 300; }));
  EXPECT_TRUE(ledger(relay).balances());
  RunningNode up(central("a"));
  ASSERT_TRUE(delivered(relay, 300));
  EXPECT_EQ(taken_in(up), 300);
}

TEST_F(UpstreamTest, GoesOnFromItsCursorAfterARestart) {
  RunningNode up(central("a"));
  {
    RunningNode relay(sidecar({"a"}));
    send(relay, 1, 200);
    ASSERT_TRUE(delivered(relay, 200));
  }
  accepted = 0;
  RunningNode again(sidecar({"a"}));
  send(again, 1, 100);
  ASSERT_TRUE(delivered(again, 100));
  EXPECT_EQ(taken_in(up), 300);
  EXPECT_TRUE(ledger(again).balances());
}

TEST_F(UpstreamTest, SendsAfterARestartWhatWaitedBefore) {
  {
    RunningNode relay(sidecar({"a"}));
    send(relay, 1, 200);
  }
  RunningNode up(central("a"));
  RunningNode again(sidecar({"a"}));
  ASSERT_TRUE(delivered(again, 200));
  EXPECT_EQ(taken_in(up), 200);
}

// A relay upstream that knows what it has, by its spool, takes nothing twice.
TEST_F(UpstreamTest, SendsNothingTwiceToOneThatWasKilled) {
  std::optional<RunningNode> up;
  up.emplace(central("a"));
  RunningNode relay(sidecar({"a"}));
  send(relay, 1, 200);
  ASSERT_TRUE(delivered(relay, 200));
  up.reset();
  send(relay, 1, 100);
  up.emplace(central("a"));
  ASSERT_TRUE(delivered(relay, 300));
  EXPECT_EQ(taken_in(*up), 100);
}

// Numbers of a life before were never given, so what follows waits until the rest is acknowledged.
TEST_F(UpstreamTest, SleepsWhileItWaitsForAcksBeforeAHole) {
  {
    RunningNode before(sidecar({"a"}));
    send(before, 1, 10);
  }
  accepted = 0;
  RunningNode relay(sidecar({"a"}));
  send(relay, 1, 10);
  Socket up(context, SocketKind::router, {});
  ASSERT_TRUE(up.bind(folder.ipc("a")));
  Frame peer;
  Frame frame;
  ASSERT_TRUE(testing::receive_soon(up, peer) && testing::receive_soon(up, frame));
  const SourceWelcome welcome{kAckedProtocol, 3, {0}, 8 << 20, 1 << 20, 1000};
  Frame to{peer.text()};
  Frame answer(write_control(welcome));
  ASSERT_EQ(up.send(to, true), SendOutcome::sent);
  ASSERT_EQ(up.send(answer), SendOutcome::sent);
  ASSERT_TRUE(testing::receive_soon(up, peer) && testing::receive_soon(up, frame));
  const auto cycles = [&relay] {
    for (const Sample& sample : relay.node().samples()) {
      if (sample.metric == Metric::agent_cycles && sample.labels.at(0).second == "upstream") {
        return sample.value;
      }
    }
    return 0.0;
  };
  const double begun = cycles();
  const Instant until = clock.now() + std::chrono::milliseconds(500);
  ASSERT_TRUE(soon([&] { return clock.now() > until; }));
  EXPECT_LT(cycles() - begun, 200);
}

TEST_F(UpstreamTest, DividesTheWorkersAmongSeveral) {
  RunningNode a(central("a"));
  RunningNode b(central("b"));
  RunningNode relay(sidecar({"a", "b"}));
  for (int worker = 0; worker < 20; ++worker) send(relay, worker, 10);
  ASSERT_TRUE(delivered(relay, 200));
  EXPECT_EQ(taken_in(a) + taken_in(b), 200);
  EXPECT_GT(taken_in(a), 0);
  EXPECT_GT(taken_in(b), 0);
  EXPECT_EQ(static_cast<int>(taken_in(a)) % 10, 0) << "a worker's events stay together";
}

TEST_F(UpstreamTest, MovesTheWorkersOfOneThatIsAwayAndBack) {
  RunningNode a(central("a"));
  std::optional<RunningNode> b;
  b.emplace(central("b"));
  RunningNode relay(sidecar({"a", "b"}));
  for (int worker = 0; worker < 20; ++worker) send(relay, worker, 5);
  ASSERT_TRUE(delivered(relay, 100));
  const double before = taken_in(a);
  b.reset();
  for (int worker = 0; worker < 20; ++worker) send(relay, worker, 5);
  ASSERT_TRUE(delivered(relay, 200));
  EXPECT_GE(taken_in(a), before + 100) << "all of them are a's now";
  b.emplace(central("b"));
  ASSERT_TRUE(soon([&] { return relay.sampled(Metric::upstream_moves) >= 2; }));
  for (int worker = 0; worker < 20; ++worker) send(relay, worker, 5);
  ASSERT_TRUE(delivered(relay, 300));
  EXPECT_GT(taken_in(*b), 0);
  EXPECT_TRUE(ledger(relay).balances());
}

// Relays whose events would come back to them.
class UpstreamLoopTest : public UpstreamTest {
 protected:
  Config member(const std::string& name, const std::string& upstream) {
    Config config = central(name);
    config.upstream.name = name;
    config.upstream.connect = {folder.ipc(upstream)};
    return config;
  }
  static bool is_ready(RunningNode& relay) {
    for (const Check& check : relay.node().readiness()) {
      if (check.required && !check.passed) return false;
    }
    return true;
  }
  [[nodiscard]] bool finds_loop(const std::vector<RunningNode*>& relays) {
    return soon([&] {
      return std::any_of(relays.begin(), relays.end(), [](RunningNode* relay) {
        return relay->sampled(Metric::upstream_loop) == 1 && !is_ready(*relay);
      });
    });
  }
};

TEST_F(UpstreamLoopTest, SendsNothingToItself) {
  RunningNode relay(member("a", "a"));
  ASSERT_TRUE(finds_loop({&relay}));
  send(relay, 1, 20);
  EXPECT_TRUE(soon([&] { return ledger(relay).held == 20; }));
  EXPECT_EQ(taken_in(relay), 20);
}

TEST_F(UpstreamLoopTest, OfTwoRelaysUpstreamOfEachOtherEndsAtOneOfThem) {
  RunningNode a(member("a", "b"));
  RunningNode b(member("b", "a"));
  ASSERT_TRUE(finds_loop({&a, &b}));
  send(a, 1, 20);
  const Instant later = clock.now() + std::chrono::milliseconds(300);
  ASSERT_TRUE(soon([&] { return clock.now() > later; }));
  EXPECT_LE(taken_in(a), 40);
  EXPECT_LE(taken_in(b), 20);
}

TEST_F(UpstreamLoopTest, OfThreeRelaysIsFoundThoughNoneKnowsItsUpstreamsUpstream) {
  RunningNode a(member("a", "b"));
  RunningNode b(member("b", "c"));
  RunningNode c(member("c", "a"));
  EXPECT_TRUE(finds_loop({&a, &b, &c}));
}

TEST_F(UpstreamLoopTest, TwoRelaysThatSendToTheSameOneAreNone) {
  RunningNode up(central("up"));
  RunningNode a(member("a", "up"));
  RunningNode b(member("b", "up"));
  accepted = 0;
  send(a, 1, 20);
  ASSERT_TRUE(delivered(a, 20));
  EXPECT_EQ(a.sampled(Metric::upstream_loop) + b.sampled(Metric::upstream_loop), 0);
  EXPECT_TRUE(is_ready(a));
}

}  // namespace
}  // namespace xylem
