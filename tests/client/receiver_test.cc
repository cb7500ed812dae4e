#include "relay/client/receiver.h"

#include <gtest/gtest.h>

#include <functional>
#include <thread>
#include <tuple>

#include "relay/client/dispatcher.h"
#include "tests/doubles/batches.h"
#include "tests/doubles/running_node.h"
#include "tests/doubles/sockets.h"
#include "tests/doubles/tested_engine.h"

namespace xylem {
namespace {

using testing::RunningNode;
constexpr Duration kPatience = std::chrono::seconds(10);
constexpr Duration kTurn = std::chrono::milliseconds(20);

class ReceiverTest : public ::testing::Test {
 protected:
  std::unique_ptr<Receiver> receiver(std::vector<std::string> patterns,
                                     Receiver::Options options = {}) {
    options.relay = relay_->stream();
    options.patterns = std::move(patterns);
    auto made = std::make_unique<Receiver>(options, context_, clock_);
    EXPECT_TRUE(made->open());
    while (!made->is_connected()) EXPECT_TRUE(made->receive(kTurn));
    return made;
  }
  void send(const std::vector<const char*>& types) {
    Dispatcher::Options options;
    options.relay = relay_->push();
    const auto sender = std::move(Dispatcher::open(options, context_, clock_).value());
    for (const char* type : types) {
      EXPECT_EQ(sender->send(type, {}), Dispatcher::Sent::queued);
      sender->flush();
    }
    EXPECT_EQ(sender->close(kPatience), 0u);
  }
  // Until the account of the one stream tap says so.
  void until_the_tap(const std::function<bool(const Ledger&)>& says) {
    const Instant patience_ends = clock_.now() + kPatience;
    for (;;) {
      for (const TapBoard::Row& row : relay_->node().taps())
        if (row.sink == "stream" && says(row.figures.ledger)) return;
      ASSERT_LT(clock_.now(), patience_ends) << "the tap never came to this";
      std::this_thread::yield();
    }
  }

  SystemClock clock_;
  std::unique_ptr<RunningNode> relay_ = std::make_unique<RunningNode>();
  Context context_{testing::tested_engine()};
};

TEST_F(ReceiverTest, GetsOnlyWhatItsPatternsMatch) {
  const auto failures = receiver({"*.failed"});
  std::vector<std::string> keys;
  failures->on("*", [&](const Receiver::Event& event) { keys.emplace_back(event.key); });
  send({"task-sent", "task-failed", "worker-online", "job-failed"});
  EXPECT_EQ(failures->capture(2, kPatience).value(), 2u);
  EXPECT_EQ(keys, (std::vector<std::string>{"task.failed", "job.failed"}));
}

TEST_F(ReceiverTest, PrefersTheHandlerOfTheTypeOverTheOneForAll) {
  const auto all = receiver({});
  int failed = 0;
  int others = 0;
  all->on("task-failed", [&](const Receiver::Event&) { ++failed; });
  all->on("*", [&](const Receiver::Event&) { ++others; });
  send({"task-failed", "task-sent", "task-sent"});
  EXPECT_EQ(all->capture(3, kPatience).value(), 3u);
  EXPECT_EQ(failed, 1);
  EXPECT_EQ(others, 2);
}

TEST_F(ReceiverTest, StopsAtItsLimitAndKeepsTheRestForTheNextCapture) {
  const auto all = receiver({});
  send({"a", "b", "c"});
  EXPECT_EQ(all->capture(1, kPatience).value(), 1u);
  EXPECT_EQ(all->capture(2, kPatience).value(), 2u);
}

TEST_F(ReceiverTest, EndsACaptureWhenNothingComes) {
  EXPECT_EQ(receiver({})->capture(1, kTurn).value(), 0u);
}

TEST_F(ReceiverTest, LearnsWhyTheRelayRefusesIt) {
  Receiver::Options options;
  options.relay = relay_->stream();
  options.patterns = {"task.*x"};
  Receiver refused(options, context_, clock_);
  ASSERT_TRUE(refused.open());
  const auto captured = refused.capture(1, kPatience);
  ASSERT_FALSE(captured);
  EXPECT_EQ(captured.error().code, ErrorCode::refused);
  EXPECT_NE(captured.error().message.find("task.*x"), std::string::npos)
      << captured.error().message;
}

TEST_F(ReceiverTest, IsToldExactlyWhatItWasTooSlowFor) {
  Receiver::Options options;
  options.credit_bytes = 1;  // one batch, then nothing until it is consumed
  options.tap_events_max = 2;
  const auto slow = receiver({"n"}, options);
  std::vector<Gap> gaps;
  slow->on_gap([&](const Gap& gap) { gaps.push_back(gap); });
  send({"n"});
  until_the_tap([](const Ledger& tap) { return tap.delivered == 1; });
  // The credit is used up by an event that we do not take. Of the next five the tap keeps two.
  for (int i = 0; i < 5; ++i) send({"other", "n"});
  until_the_tap([](const Ledger& tap) { return tap.accepted == 11; });
  std::vector<std::uint64_t> seen;
  while (seen.empty() || seen.back() < 11) {
    const auto batch = slow->receive(kPatience).value();
    ASSERT_TRUE(batch);
    for (const EventEntry& entry : batch->entries())
      seen.push_back(batch->sequence_of(entry).value);
  }
  EXPECT_EQ(seen, (std::vector<std::uint64_t>{1, 9, 11}));
  ASSERT_EQ(gaps.size(), 1u);
  EXPECT_EQ(gaps[0].first, Sequence{3});
  EXPECT_EQ(gaps[0].last, Sequence{7});
  EXPECT_EQ(gaps[0].count, 3u) << "every second matched";
}

TEST_F(ReceiverTest, ReportsAGapWhenTheRelayWasReplaced) {
  const auto all = receiver({});
  std::vector<Gap> gaps;
  all->on_gap([&](const Gap& gap) { gaps.push_back(gap); });
  send({"a"});
  EXPECT_EQ(all->capture(1, kPatience).value(), 1u);
  const Address old = relay_->stream();
  relay_.reset();
  Config config;
  RunningNode next(config, old);
  while (gaps.empty()) ASSERT_TRUE(all->receive(kTurn));
  EXPECT_EQ(gaps[0].reason, GapReason::reconnect);
  EXPECT_EQ(gaps[0].first, Sequence{2});
  EXPECT_EQ(gaps[0].count, 0u) << "unknown";
}

TEST_F(ReceiverTest, BeginsInThePastAndKnowsWhenItHasCaughtUp) {
  send({"a", "b", "a", "c"});
  Epoch epoch;
  const auto past = [&](Receiver::Options options) {
    options.relay = relay_->stream();
    Receiver receiver(options, context_, clock_);
    std::vector<std::uint64_t> seen;
    receiver.on("*", [&](const Receiver::Event& event) {
      epoch = event.epoch;
      seen.push_back(event.sequence.value);
    });
    EXPECT_TRUE(receiver.open());
    while (!receiver.is_at_present()) EXPECT_TRUE(receiver.capture(0, kTurn));
    return seen;
  };
  Receiver::Options options;
  options.since_us = 1;
  options.patterns = {"a"};
  EXPECT_EQ(past(options), (std::vector<std::uint64_t>{1, 3})) << "what follows does not match";
  options = {};
  options.from_epoch = epoch;
  options.from_sequence = {3};
  EXPECT_EQ(past(options), (std::vector<std::uint64_t>{3, 4}));
}

TEST_F(ReceiverTest, MissesNothingOverAReconnect) {
  for (const bool resume : {true, false}) {
    SCOPED_TRACE(resume);
    Receiver::Options options;
    options.resume = resume;
    const auto witness = receiver({});
    const auto all = receiver({}, options);
    std::vector<std::string> seen;
    all->on("*", [&](const Receiver::Event& event) { seen.emplace_back(event.key); });
    all->on_gap([&](const Gap& gap) { seen.emplace_back(name_of(gap.reason)); });
    send({"a"});
    EXPECT_EQ(all->capture(1, kPatience).value(), 1u);
    all->close();
    send({"b"});
    ASSERT_EQ(witness->capture(2, kPatience).value(), 2u) << "it is past when we come back";
    ASSERT_TRUE(all->open());
    while (seen.size() < 2) ASSERT_TRUE(all->capture(0, kTurn));
    EXPECT_EQ(seen, (std::vector<std::string>{"a", resume ? "b" : "reconnect"}));
    EXPECT_EQ(all->repeated_events(), 0u);
  }
}

// A relay made by hand, which says again what it said before.
TEST_F(ReceiverTest, TakesNoEventTwice) {
  testing::TempDir folder;
  std::optional<Socket> relay;
  ASSERT_TRUE(Socket::open(relay, context_, SocketKind::router, {}));
  ASSERT_TRUE(relay->bind(folder.ipc("stream")));
  Receiver::Options options;
  options.relay = folder.ipc("stream");
  Receiver receiver(options, context_, clock_);
  std::vector<std::uint64_t> seen;
  receiver.on("*", [&](const Receiver::Event& event) {
    seen.push_back(event.epoch.value * 100 + event.sequence.value);
  });
  ASSERT_TRUE(receiver.open());
  Frame peer;
  ASSERT_TRUE(testing::receive_soon(*relay, peer));
  const std::string name(peer.text());
  const auto say = [&](std::span<const std::byte> frame) {
    const std::string_view text(reinterpret_cast<const char*>(frame.data()), frame.size());
    EXPECT_EQ(testing::send_soon(*relay, {name, text}), SendOutcome::sent);
  };
  say(write_control(Welcome{1, 9, {7}, {1}, 1 << 20, 5000}));
  for (const auto& [epoch, first, events] : {std::tuple<int, int, int>{7, 1, 3},
                                             {7, 2, 2},
                                             {7, 2, 4},
                                             {8, 1, 2},
                                             {8, 1, 1},
                                             {8, 3, 1}}) {
    const auto batch = testing::batch_of("a", static_cast<std::size_t>(events));
    batch->stamp({static_cast<std::uint64_t>(epoch)}, {static_cast<std::uint64_t>(first)}, 0);
    say(batch->frame());
  }
  EXPECT_EQ(receiver.capture(8, kPatience).value(), 8u);
  EXPECT_EQ(seen, (std::vector<std::uint64_t>{701, 702, 703, 704, 705, 801, 802, 803}));
  EXPECT_EQ(receiver.repeated_events(), 5u);
}

TEST_F(ReceiverTest, ReturnsFromACaptureWhenAnotherThreadSaysStop) {
  const auto all = receiver({});
  std::jthread other([&] { all->stop(); });
  EXPECT_EQ(all->capture(0, Duration(0)).value(), 0u);
}

}  // namespace
}  // namespace xylem
