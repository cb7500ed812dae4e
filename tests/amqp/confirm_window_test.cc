// Goal    what a broker has not confirmed is known, in order, whatever it answers and whenever the
//         connection ends; and no event is counted twice.
// Method  by example, and against a broker of the test's own that confirms, refuses and dies at
//         random.

#include "relay/amqp/confirm_window.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "tests/doubles/chance.h"
#include "tests/doubles/manual_clock.h"

namespace xylem {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

PackedMessage message(std::uint64_t at, std::uint64_t events = 1) {
  return {"k", "0123456789", "", "", events, {{1}, {at}}, 0, 0};
}

class ConfirmWindowTest : public ::testing::Test {
 protected:
  std::uint64_t send() {
    const PackedMessage* next = window.next(clock.now(), clock.wall_us());
    if (next == nullptr) return 0;
    const std::uint64_t at = next->begin.sequence.value;
    window.sent(clock.now());
    return at;
  }
  std::uint64_t first() const { return window.first().value_or(LogPosition{}).sequence.value; }
  void confirm(std::uint64_t tag, bool multiple = false, bool acked = true) {
    window.on_confirm(tag, multiple, acked, clock.now());
  }
  testing::ManualClock clock;
  // Sends what may be, and has each refused; the sequences, in their order.
  std::vector<std::uint64_t> refuse_all() {
    std::vector<std::uint64_t> refused;
    while (const std::uint64_t at = send()) refused.push_back(at);
    confirm(answered += refused.size(), true, false);
    return refused;
  }
  std::uint64_t answered = 0;  // the last tag
  ConfirmWindow window{{.messages_max = 3, .bytes_max = 1000, .tries_max = 4}, 1};
};

TEST_F(ConfirmWindowTest, MovesOnWithTheFirstThatIsNotConfirmed) {
  for (std::uint64_t at : {1, 2, 3}) window.add(message(at));
  EXPECT_EQ(send(), 1u);
  EXPECT_EQ(send(), 2u);
  EXPECT_EQ(send(), 3u);
  confirm(2);
  EXPECT_EQ(first(), 1u);
  confirm(1);
  EXPECT_EQ(first(), 3u);
  confirm(3);
  EXPECT_FALSE(window.first());
  EXPECT_EQ(window.counts().events, 3u);
  EXPECT_EQ(window.counts().bytes, 30u);
}

TEST_F(ConfirmWindowTest, TakesAConfirmForAllBefore) {
  for (std::uint64_t at : {1, 2, 3}) window.add(message(at, 10));
  while (send() != 0) {
  }
  confirm(2, true);
  EXPECT_EQ(first(), 3u);
  EXPECT_EQ(window.counts().events, 20u);
  confirm(2, true);
  confirm(99);
  EXPECT_EQ(window.counts().events, 20u) << "what is known, or of nobody, changes nothing";
}

TEST_F(ConfirmWindowTest, ClosesAtItsBounds) {
  for (std::uint64_t at : {1, 2, 3, 4}) window.add(message(at));
  while (send() != 0) {
  }
  EXPECT_FALSE(window.ready(clock.now()));
  EXPECT_EQ(window.outstanding(), 3u);
  confirm(1);
  EXPECT_EQ(send(), 4u);
  ConfirmWindow small{{.messages_max = 100, .bytes_max = 15}, 1};
  for (std::uint64_t at : {1, 2, 3}) small.add(message(at));
  for (int i = 0; i < 2; ++i) {
    ASSERT_NE(small.next(clock.now(), 0), nullptr);
    small.sent(clock.now());
  }
  EXPECT_EQ(small.next(clock.now(), 0), nullptr);
}

TEST_F(ConfirmWindowTest, SendsWhatWasRefusedAgainALittleLater) {
  for (std::uint64_t at : {1, 2}) window.add(message(at));
  EXPECT_EQ(send(), 1u);
  confirm(1, false, false);
  EXPECT_EQ(send(), 2u) << "what is new goes on meanwhile";
  EXPECT_EQ(send(), 0u);
  EXPECT_EQ(window.refused(), 1u);
  clock.advance(milliseconds(999));
  EXPECT_FALSE(window.ready(clock.now()));
  clock.advance(milliseconds(251));
  EXPECT_TRUE(window.ready(clock.now()));
  EXPECT_EQ(send(), 1u);
  confirm(3);
  EXPECT_EQ(first(), 2u);
  EXPECT_EQ(window.counts().nacked, 1u);
  EXPECT_EQ(window.counts().resent, 1u);
  EXPECT_EQ(window.refused(), 0u);
}

TEST_F(ConfirmWindowTest, WaitsLongerAfterEveryRefusal) {
  EXPECT_EQ(ConfirmWindow::back_off(1), seconds(1));
  EXPECT_EQ(ConfirmWindow::back_off(2), seconds(2));
  EXPECT_EQ(ConfirmWindow::back_off(6), seconds(32));
  EXPECT_EQ(ConfirmWindow::back_off(7), seconds(60));
  EXPECT_EQ(ConfirmWindow::back_off(1'000'000), seconds(60));
  std::set<Instant> due;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    ConfirmWindow other({}, seed);
    other.add(message(1));
    for (std::uint64_t tag = 1; tag <= 2; ++tag) {
      ASSERT_NE(other.next(clock.now() + seconds(60 * (tag - 1)), 0), nullptr);
      other.sent(clock.now());
      other.on_confirm(tag, false, false, clock.now());
    }
    due.insert(other.due().value());
  }
  EXPECT_GE(*due.begin(), clock.now() + milliseconds(1500));
  EXPECT_LE(*due.rbegin(), clock.now() + milliseconds(2500));
  EXPECT_GT(due.size(), 10u) << "not all at once";
}

TEST_F(ConfirmWindowTest, LetsGoOfWhatIsRefusedTooOften) {
  window.add(message(1, 7));
  for (std::size_t tries = 0; tries < 4; ++tries) {
    EXPECT_EQ(refuse_all().size(), 1u) << tries;
    clock.advance(seconds(60));
  }
  EXPECT_TRUE(window.empty());
  EXPECT_EQ(window.counts().refused, 7u);
  EXPECT_EQ(window.counts().nacked, 4u);
  EXPECT_EQ(window.refused(), 0u);
  EXPECT_EQ(window.bytes(), 0u);
}

// As a queue that stays full beside one that is read: what is new goes on as before.
TEST_F(ConfirmWindowTest, GoesOnBehindWhatIsRefusedWhileThereIsRoom) {
  window.add(message(1));
  refuse_all();
  for (std::uint64_t at = 2; at < 1000; ++at) {
    window.add(message(at));
    ASSERT_EQ(send(), at);
    confirm(++answered);
  }
  EXPECT_EQ(first(), 1u);
  EXPECT_EQ(window.counts().events, 998u);
  for (std::uint64_t at : {1000, 1001, 1002}) window.add(message(at));
  EXPECT_EQ(refuse_all(), (std::vector<std::uint64_t>{1000, 1001}));
  EXPECT_FALSE(window.wants_more()) << "three that are refused leave no room";
  clock.advance(seconds(60));
  EXPECT_EQ(send(), 1u) << "but are tried again";
}

// A connection that ends is not why the broker refused.
TEST_F(ConfirmWindowTest, WaitsOverAConnectionThatEnds) {
  for (std::uint64_t at : {1, 2}) window.add(message(at));
  EXPECT_EQ(send(), 1u);
  confirm(1, false, false);
  EXPECT_EQ(send(), 2u);
  window.begin_again();
  EXPECT_EQ(send(), 2u);
  EXPECT_EQ(send(), 0u);
  clock.advance(seconds(2));
  EXPECT_EQ(send(), 1u);
}

TEST_F(ConfirmWindowTest, SendsWhatIsOfUnknownFateAgainOnAnotherChannel) {
  for (std::uint64_t at : {1, 2, 3}) window.add(message(at));
  while (send() != 0) {
  }
  confirm(2);
  window.begin_again();
  EXPECT_EQ(send(), 1u);
  EXPECT_EQ(send(), 3u) << "the second had arrived";
  confirm(2, true);
  EXPECT_TRUE(window.empty());
  EXPECT_EQ(window.counts().events, 3u);
}

TEST_F(ConfirmWindowTest, PassesOverWhatCameTooLate) {
  PackedMessage heartbeat = message(1);
  heartbeat.stale_us = clock.wall_us() + 1'000'000;
  window.add(heartbeat);
  window.add(message(2));
  EXPECT_EQ(send(), 1u);
  window.begin_again();
  clock.advance(seconds(2));
  EXPECT_EQ(send(), 2u);
  confirm(1);
  EXPECT_TRUE(window.empty());
  EXPECT_EQ(window.counts().stale, 1u);
  EXPECT_EQ(window.counts().events, 1u);
}

TEST_F(ConfirmWindowTest, CountsWhatHadNowhereToGo) {
  PackedMessage lost = message(1);
  lost.message_id = "1:1";
  window.add(lost);
  EXPECT_EQ(send(), 1u);
  window.on_returned("1:1");
  confirm(1);
  EXPECT_EQ(window.counts().unroutable, 1u);
  EXPECT_EQ(window.counts().events, 0u);
  EXPECT_TRUE(window.empty());
}

TEST_F(ConfirmWindowTest, FindsTheMessageThatTheBrokerWillNeverTake) {
  for (std::uint64_t at : {1, 2, 3}) window.add(message(at));
  while (send() != 0) {
  }
  window.begin_again_without_the_unwanted();
  EXPECT_EQ(send(), 1u);
  EXPECT_EQ(send(), 0u) << "one at a time";
  confirm(1);
  EXPECT_EQ(send(), 2u);
  EXPECT_EQ(send(), 3u) << "that was not it";
  window.begin_again_without_the_unwanted();
  EXPECT_EQ(send(), 2u);
  window.begin_again_without_the_unwanted();
  EXPECT_EQ(window.counts().unwanted, 1u);
  EXPECT_EQ(send(), 3u);
  confirm(1);
  EXPECT_TRUE(window.empty());
  EXPECT_EQ(window.counts().events, 2u);
}

// Every message arrives at least once, and is counted once; what is done is never ahead of it.
TEST_F(ConfirmWindowTest, LosesNothingToABrokerThatConfirmsRefusesAndDies) {
  for (const std::uint64_t seed : testing::seeds(300)) {
    SCOPED_TRACE(testing::named(seed));
    testing::Chance chance(seed);
    ConfirmWindow made{{.messages_max = chance.between(1, 8), .bytes_max = 1000, .tries_max = 3},
                       seed};
    std::map<std::uint64_t, std::uint64_t> under_way;  // tag: sequence
    std::map<std::uint64_t, std::uint64_t> refused;    // sequence: times
    std::vector<bool> arrived(1);                      // or was let go of
    std::uint64_t tag = 0;
    std::uint64_t next = 1;
    for (int turns = 0; turns < 300 || !made.empty(); ++turns) {
      const bool calm = turns >= 300;
      if (!calm && made.wants_more() && chance.one_in(3)) {
        for (std::size_t n = chance.between(1, 5); n > 0; --n) made.add(message(next++));
        arrived.resize(next);
      }
      if (const auto* out = made.next(clock.now(), 0)) {
        under_way[++tag] = out->begin.sequence.value;
        made.sent(clock.now());
      }
      if (!under_way.empty() && (calm || chance.one_in(2))) {
        auto one = under_way.begin();
        std::advance(one, chance.below(under_way.size()));
        const bool acked = calm || !chance.one_in(5);
        const bool multiple = chance.one_in(3);
        const std::uint64_t confirmed = one->first;
        const auto from = multiple ? under_way.begin() : one;
        for (auto it = from; it != std::next(one); ++it) {
          if (acked || ++refused[it->second] == 3) arrived[it->second] = true;
        }
        under_way.erase(from, std::next(one));
        made.on_confirm(confirmed, multiple, acked, clock.now());
      }
      if (!calm && chance.one_in(20)) {
        for (const auto& [lost, sequence] : under_way) {
          if (chance.one_in(2)) arrived[sequence] = true;
        }
        under_way.clear();
        tag = 0;
        made.begin_again();
      }
      clock.advance(std::chrono::milliseconds(300));
      const auto done = made.first();
      for (std::uint64_t n = 1; n < (done ? done->sequence.value : next); ++n) {
        ASSERT_TRUE(arrived[n]) << n << " is said to be done";
      }
      ASSERT_LT(turns, 5000) << "it never ends";
    }
    EXPECT_EQ(made.counts().events + made.counts().refused, next - 1);
    EXPECT_EQ(made.bytes(), 0u);
    EXPECT_EQ(made.refused(), 0u);
  }
}

}  // namespace
}  // namespace xylem
