// Goal    whoever sets the relay's wall clock, a follower gets all that it asked for, and what
// comes
//         after it at once.
// Method  a whole relay, its clock set back between events; readers with a clock of their own.

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "relay/client/receiver.h"
#include "tests/doubles/running_node.h"
#include "tests/doubles/sockets.h"
#include "tests/doubles/tested_engine.h"

namespace xylem {
namespace {

using namespace std::chrono_literals;
using testing::RunningNode;

class WallClockTest : public ::testing::TestWithParam<bool> {
 protected:
  void start() {
    Config config;
    if (GetParam()) config.spool_directory = folder.path() + "/spool";
    relay.emplace(config);
    push.reset();
    ASSERT_TRUE(Socket::open(push, context, SocketKind::push, {.linger_ms = 5'000}));
    ASSERT_TRUE(push->connect(relay->push()));
  }
  void send(const std::string& key) {
    std::string type = key;
    std::replace(type.begin(), type.end(), '.', '-');
    ASSERT_EQ(testing::send_soon(*push, {key, R"({"type":")" + type + R"("})"}), SendOutcome::sent);
    ++sent;
    while (relay->sampled(Metric::pipeline_events) < sent) {
      static_cast<void>(push->writable());  // a native socket gets on only when it is asked
      pollfd nothing{-1, 0, 0};
      ::poll(&nothing, 1, 1);
    }
  }
  std::unique_ptr<Receiver> follow(Duration age, std::chrono::microseconds ahead = 0us) {
    Receiver::Options options;
    options.relay = relay->stream();
    options.since_age = age;
    options.since_us = clock.wall_us() + ahead / 1us - age / 1us;
    auto made = std::make_unique<Receiver>(options, context, clock);
    made->on("*", [this](const Receiver::Event& event) { seen.emplace_back(event.key); });
    made->on_gap([this](const Gap& gap) { seen.emplace_back(name_of(gap.reason)); });
    EXPECT_TRUE(made->open());
    return made;
  }
  void follow_to_the_present(Receiver& receiver) {
    while (!receiver.is_at_present()) ASSERT_TRUE(receiver.capture(0, 50ms));
  }
  using Keys = std::vector<std::string>;

  testing::TempDir folder;
  Context context{testing::tested_engine()};
  SystemClock clock;
  std::optional<RunningNode> relay;
  std::optional<Socket> push;
  double sent = 0;
  Keys seen;
};

TEST_P(WallClockTest, AFollowerGetsWhatComesAfterItWasSetBack) {
  start();
  send("a.b");
  relay->set_wall(-30s);
  send("a.c");
  const auto receiver = follow(20s);
  follow_to_the_present(*receiver);
  EXPECT_EQ(seen, (Keys{"a.b", "a.c"}));
  send("a.d");
  EXPECT_EQ(receiver->capture(1, 20s).value(), 1u);
  EXPECT_EQ(seen.back(), "a.d");
}

TEST_P(WallClockTest, AnAgeIsByTheRelaysClock) {
  start();
  send("a.b");
  const auto receiver = follow(20s, 1h);
  follow_to_the_present(*receiver);
  EXPECT_EQ(seen, (Keys{"a.b"}));
}

TEST_P(WallClockTest, ALifeAfterItWasSetBackGoesOnInTime) {
  if (!GetParam()) GTEST_SKIP() << "a relay without a spool remembers nothing";
  start();
  relay->set_wall(1h);
  send("a.b");
  relay.reset();
  sent = 0;
  start();
  send("a.c");
  const auto receiver = follow(20s);
  follow_to_the_present(*receiver);
  EXPECT_EQ(seen, (Keys{"a.b", "a.c"}));
}

INSTANTIATE_TEST_SUITE_P(WithAndWithoutASpool, WallClockTest, ::testing::Bool());

}  // namespace
}  // namespace xylem
