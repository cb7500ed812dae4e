#include "relay/client/outbox.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "relay/client/receiver.h"
#include "relay/codec/batch_codec.h"
#include "relay/codec/batch_split.h"
#include "tests/doubles/batches.h"
#include "tests/doubles/running_node.h"
#include "tests/doubles/sockets.h"
#include "tests/doubles/tested_engine.h"

namespace xylem {
namespace {

using testing::address;

// An outbox whose relay never comes.
class LonelyOutbox : public ::testing::Test {
 protected:
  LonelyOutbox() { outbox_.use_bell(runner_.doorbell()); }
  ~LonelyOutbox() override {
    if (runner_.is_running()) runner_.request_stop(outbox_, clock_.now());
  }
  void start() { ASSERT_TRUE(runner_.start()); }
  bool put(std::size_t bytes) { return outbox_.put("a.b", std::string(bytes, ' '), 0, true); }

  static constexpr std::size_t kBytesMax = 64 << 10;
  SystemClock clock_;
  Context context_{testing::tested_engine()};
  Outbox outbox_{{address("ipc:///nonexistent/xylem"), kBytesMax, 8 << 10, 4 << 10}, context_};
  AgentRunner runner_{"outbox", {&outbox_}, clock_};
};

TEST_F(LonelyOutbox, HoldsNoMoreBytesThanItMay) {
  start();
  std::size_t taken = 0;
  while (put(1000)) ASSERT_LT(++taken, 1000u);
  EXPECT_GT(taken, 50u);
  EXPECT_LE(taken * 1000, kBytesMax);
}

TEST_F(LonelyOutbox, CountsWhatItDoesNotTake) {
  start();
  for (int i = 0; i < 100; ++i) static_cast<void>(put(1000));
  const OutboxFigures figures = outbox_.figures();
  EXPECT_EQ(figures.offered, 100u);
  EXPECT_GT(figures.dropped, 0u);
  EXPECT_EQ(figures.offered, figures.sent + figures.dropped + figures.waiting);
}

TEST_F(LonelyOutbox, RefusesAnEventThatIsTooLargeForTheRelay) {
  start();
  EXPECT_FALSE(put((4 << 10) + 1));
  EXPECT_TRUE(put(4 << 10));
}

TEST_F(LonelyOutbox, SaysAtStopWhatItLeavesBehind) {
  start();
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(put(10));
  runner_.request_stop(outbox_, clock_.now());
  ASSERT_TRUE(runner_.wait_finished(outbox_, clock_.now() + std::chrono::seconds(5)));
  EXPECT_EQ(runner_.left_behind(outbox_), 3u);
  EXPECT_EQ(outbox_.figures().dropped, 3u);
}

// Nobody tells an outbox what its relay takes.
TEST(Outbox, SendsWhatARelayOfTheLowestLimitsTakes) {
  testing::TempDir folder;
  const SystemClock clock;
  Context context{testing::tested_engine()};
  Socket relay(context, SocketKind::pull, {});
  const Address bound = relay.bind(folder.ipc("push")).value();
  Outbox outbox({.relay = bound, .waiting_bytes_max = 64 << 20, .event_bytes_max = 200 << 10},
                context);
  AgentRunner runner("outbox", {&outbox}, clock);
  outbox.use_bell(runner.doorbell());
  ASSERT_TRUE(runner.start());
  const std::size_t pads[] = {10, 3000, 15'000, 30'000, 64'000, 100'000, 199'000};
  constexpr std::uint64_t kEvents = 700;
  for (std::uint64_t n = 0; n < kEvents; ++n) {
    const std::string pad(n < 500 ? 3000 : pads[n % std::size(pads)], 'x');
    const std::string unlike = n % 2 == 0 ? "" : ",\"l" + std::to_string(n) + "\":[]";
    ASSERT_TRUE(outbox.put(
        "a", fmt::format(R"({{"type":"a","n":{},"pad":"{}"{}}})", n, pad, unlike), 0, false));
  }
  outbox.wake();
  std::uint64_t events = 0;
  while (events < kEvents) {
    Frame frame;
    ASSERT_TRUE(testing::receive_soon(relay, frame));
    const auto batch = read_batch(frame.bytes(), SourceLimits{}).value();
    EXPECT_TRUE(batch->size() == 1 || fits(*batch, kFrameTakenEverywhere))
        << batch->size() << " events in " << frame.bytes().size() << " bytes";
    events += batch->size();
  }
  runner.request_stop(outbox, clock.now());
  ASSERT_TRUE(runner.wait_finished(outbox, clock.now() + std::chrono::seconds(5)));
}

TEST(Outbox, MarksWhatItSendsAsReplayedIfToldTo) {
  testing::RunningNode relay;
  const SystemClock clock;
  Context context{testing::tested_engine()};
  Receiver::Options wanted;
  wanted.relay = relay.stream();
  wanted.since_us = 1;
  Receiver receiver(wanted, context, clock);
  ASSERT_TRUE(receiver.open());
  std::vector<bool> replayed;
  receiver.on("*", [&](const Receiver::Event& event) { replayed.push_back(event.replayed); });
  for (const bool is_replay : {true, false}) {
    Outbox::Options options{relay.push()};
    options.replayed = is_replay;
    Outbox outbox(options, context);
    AgentRunner runner("outbox", {&outbox}, clock);
    outbox.use_bell(runner.doorbell());
    ASSERT_TRUE(runner.start());
    for (int i = 0; i < 2; ++i) EXPECT_TRUE(outbox.put("a", R"({"type":"a"})", 0, true));
    EXPECT_EQ(receiver.capture(2, std::chrono::seconds(10)).value(), 2u);
    runner.request_stop(outbox, clock.now());
    ASSERT_TRUE(runner.wait_finished(outbox, clock.now() + std::chrono::seconds(5)));
  }
  EXPECT_EQ(replayed, (std::vector<bool>{true, true, false, false}));
}

}  // namespace
}  // namespace xylem
