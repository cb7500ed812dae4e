#include "relay/client/receiver.h"

#include <gtest/gtest.h>

#include <functional>
#include <thread>

#include "relay/client/dispatcher.h"
#include "tests/doubles/running_node.h"

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
  Context context_;
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

TEST_F(ReceiverTest, ReturnsFromACaptureWhenAnotherThreadSaysStop) {
  const auto all = receiver({});
  std::jthread other([&] { all->stop(); });
  EXPECT_EQ(all->capture(0, Duration(0)).value(), 0u);
}

}  // namespace
}  // namespace xylem
