// Goal    a subscriber is called slow once, and blocking only when it has gone on for too long; one
//         that is behind takes no more of the past than may leave at once.
// Method  time by hand, a tap filled by hand.

#include "relay/egress/stream_subscriber.h"

#include <gtest/gtest.h>

#include "tests/doubles/batches.h"

namespace xylem {
namespace {

using Complaint = StreamSubscriber::Complaint;
using Live = StreamSubscriber::Live;

class StreamSubscriberTest : public ::testing::Test {
 protected:
  static StreamSubscriber made(Overflow overflow, std::uint64_t events_max,
                               std::uint64_t bytes_max = 1 << 20) {
    Hello hello;
    hello.overflow = overflow;
    hello.credit_bytes = 4000;
    auto session = SubscriptionSession::accept(hello, {}, 1, {});
    return {std::move(session).value(), {bytes_max, events_max, overflow}};
  }
  static BatchRef batch(std::uint64_t first, std::size_t events, std::size_t body_bytes = 2) {
    return testing::stamped(testing::batch_of("a", events, body_bytes), first);
  }
  static Instant at(int seconds) { return Instant{std::chrono::seconds(seconds)}; }
};

TEST_F(StreamSubscriberTest, ComplainsOfOneThatBlocksForTooLong) {
  StreamSubscriber subscriber = made(Overflow::block, 1);
  subscriber.tap.offer(1, batch(1, 1));
  const Duration limit = std::chrono::seconds(30);
  EXPECT_EQ(subscriber.review(at(100), limit, Live::waits), Complaint::none);
  EXPECT_EQ(subscriber.review(at(129), limit, Live::waits), Complaint::none);
  EXPECT_EQ(subscriber.review(at(130), limit, Live::waits), Complaint::blocked);
}

TEST_F(StreamSubscriberTest, BlamesNobodyWhoHoldsUpNothing) {
  StreamSubscriber alone = made(Overflow::block, 1), behind = made(Overflow::block, 1);
  const Duration limit = std::chrono::seconds(30);
  alone.tap.offer(1, batch(1, 1));
  EXPECT_EQ(alone.review(at(100), limit, Live::flows), Complaint::none);
  EXPECT_EQ(alone.review(at(200), limit, Live::flows), Complaint::none);

  Retention kept({});
  behind.behind.emplace(Epoch{7}, kept, nullptr, behind.session.filter());
  behind.tap.offer(1, batch(1, 1));
  EXPECT_EQ(behind.review(at(100), limit, Live::waits), Complaint::none);
  EXPECT_EQ(behind.review(at(200), limit, Live::waits), Complaint::none);
}

TEST_F(StreamSubscriberTest, CountsFromTheLastTimeItBegan) {
  StreamSubscriber subscriber = made(Overflow::block, 1);
  const Duration limit = std::chrono::seconds(30);
  subscriber.tap.offer(1, batch(1, 1));
  EXPECT_EQ(subscriber.review(at(100), limit, Live::waits), Complaint::none);
  subscriber.tap.delivered();
  EXPECT_EQ(subscriber.review(at(110), limit, Live::waits), Complaint::none);
  subscriber.tap.offer(1, batch(2, 1));
  EXPECT_EQ(subscriber.review(at(120), limit, Live::waits), Complaint::none);
  EXPECT_EQ(subscriber.review(at(149), limit, Live::waits), Complaint::none);
}

TEST_F(StreamSubscriberTest, MayBlockForEverIfThatIsWanted) {
  StreamSubscriber subscriber = made(Overflow::block, 1);
  subscriber.tap.offer(1, batch(1, 1));
  EXPECT_EQ(subscriber.review(at(100), Duration(0), Live::waits), Complaint::none);
  EXPECT_EQ(subscriber.review(at(100'000), Duration(0), Live::waits), Complaint::none);
}

TEST_F(StreamSubscriberTest, IsCalledSlowOnceUntilItHasBeenWell) {
  StreamSubscriber subscriber = made(Overflow::drop_oldest, 1000, 4000);
  subscriber.tap.offer(1, batch(1, 1, 2500));
  EXPECT_EQ(subscriber.review(at(1), Duration(0), Live::waits), Complaint::slow);
  EXPECT_EQ(subscriber.review(at(2), Duration(0), Live::waits), Complaint::none);
  subscriber.tap.delivered();
  EXPECT_EQ(subscriber.review(at(3), Duration(0), Live::waits), Complaint::none);
  subscriber.tap.offer(1, batch(2, 1, 2500));
  EXPECT_EQ(subscriber.review(at(4), Duration(0), Live::waits), Complaint::slow);
}

// "7:5 of 7:9": how far it has been served, and what comes next for everybody.
TEST_F(StreamSubscriberTest, KnowsHowFarItHasBeenServed) {
  Retention kept({});
  for (std::uint64_t first = 1; first <= 9; first += 2) kept.add(batch(first, 2));
  StreamSubscriber subscriber = made(Overflow::drop_oldest, 4);
  const auto served = [&] {
    const Alive alive = subscriber.alive({8}, {11});
    EXPECT_EQ(alive.epoch, Epoch{8});
    EXPECT_EQ(alive.next_sequence, Sequence{11});
    return std::to_string(alive.served_epoch.value) + ":" +
           std::to_string(alive.served_sequence.value);
  };
  EXPECT_EQ(served(), "0:0") << "nobody knows yet where it begins";
  subscriber.welcomed = true;
  EXPECT_EQ(served(), "8:11") << "live, and nothing waits";
  subscriber.behind.emplace(Epoch{7}, kept, nullptr, subscriber.session.filter());
  subscriber.behind->begin_at({7}, {3});
  EXPECT_EQ(served(), "7:3") << "behind";
  TapSet taps;
  EXPECT_TRUE(subscriber.catch_up(taps));
  EXPECT_EQ(served(), "7:3") << "what waits for credit was not sent";
  subscriber.tap.delivered();
  EXPECT_EQ(served(), "7:5");
  subscriber.tap.note({{7}, {5}, {6}, 0, GapReason::retention});
  EXPECT_EQ(served(), "7:5") << "a gap that was not said";
}

TEST_F(StreamSubscriberTest, TakesOfThePastWhatMayBeSentAtOnce) {
  Retention kept({});
  for (std::uint64_t first = 1; first <= 9; first += 2) kept.add(batch(first, 2));
  StreamSubscriber subscriber = made(Overflow::spill, 100);
  subscriber.welcomed = true;
  subscriber.behind.emplace(Epoch{7}, kept, nullptr, subscriber.session.filter());
  subscriber.behind->begin_at({7}, {1});
  TapSet taps;
  EXPECT_TRUE(subscriber.can_catch_up());
  EXPECT_TRUE(subscriber.catch_up(taps));
  EXPECT_FALSE(subscriber.catch_up(taps)) << "the one before has not left yet";
  subscriber.tap.delivered();
  subscriber.session.on_sent(4000);
  EXPECT_FALSE(subscriber.can_catch_up()) << "no credit";
  EXPECT_FALSE(subscriber.catch_up(taps));
  EXPECT_EQ(subscriber.tap.held_bytes(), 0u);
}

}  // namespace
}  // namespace xylem
