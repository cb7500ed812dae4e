// Goal    a tap loses nothing without saying so: what it let go of stands in its queue as a gap, at
//         its place, with exact first, last and count; and its ledger balances after every step.
// Method  each policy by example, then random offers and deliveries against a model of ten lines.

#include "relay/pipeline/tap.h"

#include <gtest/gtest.h>

#include <optional>

#include "relay/codec/batch_codec.h"
#include "tests/doubles/batches.h"
#include "tests/doubles/chance.h"

namespace xylem {
namespace {

using testing::batch_of;
using testing::stamped;

// "4-6:3 " for a batch of three events from 4 to 6, "gap 1-3:3 " for a gap.
std::string told(const Tap::Item& item) {
  if (const auto* gap = std::get_if<Gap>(&item)) {
    return "gap " + std::to_string(gap->first.value) + "-" + std::to_string(gap->last.value) + ":" +
           std::to_string(gap->count) + " ";
  }
  const Batch& batch = *std::get<BatchRef>(item);
  const auto sequences = testing::sequences(batch);
  return std::to_string(sequences.front()) + "-" + std::to_string(sequences.back()) + ":" +
         std::to_string(batch.size()) + " ";
}

class TapTest : public ::testing::Test {
 protected:
  void make(Overflow overflow, std::uint64_t events_max,
            std::uint64_t bytes_max = std::uint64_t{1} << 40) {
    tap.emplace(Tap::Options{bytes_max, events_max, overflow});
  }
  void offer(std::uint64_t first, std::size_t events) {
    tap->offer(events, stamped(batch_of("a", events), first));
    EXPECT_TRUE(tap->ledger().balances());
  }
  std::string delivered() {
    std::string text;
    for (; !tap->empty(); tap->delivered()) {
      text += told(tap->front());
      EXPECT_TRUE(tap->ledger().balances());
    }
    return text;
  }
  std::uint64_t dropped(DropReason reason) {
    return tap->ledger().dropped[static_cast<std::size_t>(reason)];
  }
  std::optional<Tap> tap;
};

TEST_F(TapTest, DeliversInOrderWhatItWasOffered) {
  make(Overflow::drop_oldest, 100);
  offer(1, 3);
  offer(4, 2);
  EXPECT_EQ(tap->ledger().held, 5u);
  EXPECT_EQ(delivered(), "1-3:3 4-5:2 ");
  EXPECT_EQ(tap->ledger().delivered, 5u);
  EXPECT_EQ(tap->ledger().held, 0u);
  EXPECT_EQ(tap->held_bytes(), 0u);
}

TEST_F(TapTest, CountsWhatItsFilterDoesNotWant) {
  make(Overflow::drop_oldest, 100);
  tap->offer(5, {});
  tap->offer(5, stamped(batch_of("a", 2), 6));
  EXPECT_EQ(tap->ledger().accepted, 10u);
  EXPECT_EQ(tap->ledger().filtered, 8u);
  EXPECT_EQ(delivered(), "6-7:2 ");
  EXPECT_TRUE(tap->ledger().balances());
}

TEST_F(TapTest, ExceedsItsBoundByOneBatchAtMost) {
  make(Overflow::drop_newest, 3);
  offer(1, 2);
  EXPECT_FALSE(tap->full());
  offer(3, 50);
  EXPECT_TRUE(tap->full());
  EXPECT_EQ(tap->ledger().held, 52u);
}

TEST_F(TapTest, LetsGoOfItsOldestAndSaysSoBeforeWhatIsLeft) {
  make(Overflow::drop_oldest, 4);
  offer(1, 2);
  offer(3, 2);
  offer(5, 2);
  offer(7, 2);
  EXPECT_EQ(delivered(), "gap 1-4:4 5-6:2 7-8:2 ");
  EXPECT_EQ(dropped(DropReason::overflow_oldest), 4u);
}

TEST_F(TapTest, LetsGoOfItsOnlyBatchWhenThatAloneIsAboveTheBound) {
  make(Overflow::drop_oldest, 1);
  offer(1, 10);
  offer(11, 10);
  EXPECT_EQ(delivered(), "gap 1-10:10 11-20:10 ");
}

TEST_F(TapTest, DoesNotTakeTheNewestAndSaysSoBehindWhatIsHeld) {
  make(Overflow::drop_newest, 4);
  offer(1, 4);
  offer(5, 2);
  offer(7, 1);
  EXPECT_EQ(delivered(), "1-4:4 gap 5-7:3 ");
  EXPECT_EQ(dropped(DropReason::overflow_newest), 3u);
  offer(8, 1);
  EXPECT_EQ(delivered(), "8-8:1 ");
}

TEST_F(TapTest, KeepsGapsApartThatHaveABatchBetweenThem) {
  make(Overflow::drop_newest, 2);
  offer(1, 2);
  offer(3, 1);
  tap->delivered();
  offer(4, 2);
  offer(6, 1);
  EXPECT_EQ(delivered(), "gap 3-3:1 4-5:2 gap 6-6:1 ");
}

TEST_F(TapTest, BlocksOnlyWithItsPolicyAndOnlyWhileFull) {
  make(Overflow::block, 2);
  offer(1, 1);
  EXPECT_FALSE(tap->blocks());
  offer(2, 1);
  EXPECT_TRUE(tap->blocks());
  tap->delivered();
  EXPECT_FALSE(tap->blocks());
  make(Overflow::drop_newest, 1);
  offer(1, 1);
  EXPECT_FALSE(tap->blocks());
}

TEST_F(TapTest, WantsToBeDisconnectedOnceItOverflows) {
  make(Overflow::disconnect, 2);
  offer(1, 2);
  EXPECT_FALSE(tap->must_disconnect());
  offer(3, 1);
  EXPECT_TRUE(tap->must_disconnect());
  const auto gaps = tap->abandon(DropReason::disconnected);
  ASSERT_EQ(gaps.size(), 1u);
  EXPECT_EQ(told(gaps[0]), "gap 1-3:3 ") << "what was held and what had not been taken, as one";
  EXPECT_TRUE(tap->empty());
  EXPECT_EQ(dropped(DropReason::disconnected), 2u);
  EXPECT_EQ(dropped(DropReason::overflow_newest), 1u);
  EXPECT_TRUE(tap->ledger().balances());
  EXPECT_EQ(tap->held_bytes(), 0u);
}

TEST_F(TapTest, LetsGoOfNothingWithoutAGap) {
  make(Overflow::drop_oldest, 10);
  EXPECT_TRUE(tap->abandon(DropReason::stopping).empty());
  offer(1, 2);
  tap->delivered();
  EXPECT_TRUE(tap->abandon(DropReason::stopping).empty());
  EXPECT_EQ(dropped(DropReason::stopping), 0u);
}

// What was missing before it came here has its own place and reason, and an unknown count stays
// one.
TEST_F(TapTest, KeepsANotedGapInItsPlace) {
  make(Overflow::drop_oldest, 2);
  const Gap lost{{7}, {1}, {9}, 0, GapReason::retention};
  tap->note(lost);
  offer(10, 1);
  offer(11, 1);
  offer(12, 1);
  EXPECT_EQ(delivered(), "gap 1-9:0 gap 10-10:1 11-11:1 12-12:1 ");
  EXPECT_EQ(dropped(DropReason::overflow_oldest), 1u);
}

TEST_F(TapTest, TellsTheGapsOfEachEpochApart) {
  make(Overflow::drop_newest, 10);
  tap->offer(2, stamped(batch_of("a", 2), 5, 7));
  tap->offer(2, stamped(batch_of("a", 2), 1, 8));
  const auto gaps = tap->abandon(DropReason::stopping);
  ASSERT_EQ(gaps.size(), 2u);
  EXPECT_EQ(told(gaps[0]) + told(gaps[1]), "gap 5-6:2 gap 1-2:2 ");
  EXPECT_EQ(gaps[1].epoch, Epoch{8});
}

TEST_F(TapTest, SpillsWhileItIsFullAndHoldsNobodyUp) {
  make(Overflow::spill, 2);
  offer(1, 1);
  EXPECT_FALSE(tap->spills());
  offer(2, 1);
  EXPECT_TRUE(tap->spills());
  EXPECT_FALSE(tap->blocks());
  tap->delivered();
  EXPECT_FALSE(tap->spills());
}

TEST_F(TapTest, LetsGoOfItsOldestOnceItIsDemoted) {
  make(Overflow::block, 1);
  offer(1, 1);
  ASSERT_TRUE(tap->blocks());
  tap->demote();
  EXPECT_FALSE(tap->blocks());
  offer(2, 1);
  EXPECT_EQ(delivered(), "gap 1-1:1 2-2:1 ");
}

TEST_F(TapTest, CountsThinnedBatchesByTheirEventsNotTheirSpan) {
  make(Overflow::drop_newest, 1);
  offer(1, 1);
  const BatchRef whole = stamped(batch_of({{"a", ""}, {"b", ""}, {"b", ""}, {"a", ""}}), 2);
  tap->offer(4, BatchRef(gather(*whole, {true, false})));
  EXPECT_EQ(delivered(), "1-1:1 gap 2-5:2 ");
}

TEST_F(TapTest, IsBoundedInBytesSoThatTinyBatchesAreBoundedToo) {
  make(Overflow::drop_oldest, 1'000'000, 10'000);
  for (std::uint64_t i = 1; i <= 1000; ++i) offer(i, 1);
  EXPECT_LE(tap->held_bytes(), 10'000u + 1000u);
  EXPECT_LT(tap->ledger().held, 50u);
}

TEST_F(TapTest, TellsTheAgeOfItsOldestBatchBehindAGap) {
  make(Overflow::drop_oldest, 1);
  EXPECT_EQ(tap->oldest_held_us(), 0);
  offer(1, 1);
  offer(2, 1);
  EXPECT_EQ(tap->oldest_held_us(), 1'000'000);
  delivered();
  EXPECT_EQ(tap->oldest_held_us(), 0);
}

// What a tap's queue looks like, told with lists and no thought for cost.
struct Model {
  struct Held {
    std::uint64_t first, last, count;
    bool gap;
  };
  bool full() const {
    std::uint64_t events = 0;
    for (const Held& item : queue) events += item.gap ? 0 : item.count;
    return events >= events_max;
  }
  void offer(Held batch) {
    if (full() && overflow != Overflow::drop_oldest && overflow != Overflow::block)
      batch.gap = true;
    for (std::size_t i = 0; full() && overflow == Overflow::drop_oldest; ++i) queue[i].gap = true;
    queue.push_back(batch);
    for (std::size_t i = 1; i < queue.size();) {
      if (!queue[i - 1].gap || !queue[i].gap) {
        ++i;
        continue;
      }
      queue[i - 1].last = queue[i].last;
      queue[i - 1].count += queue[i].count;
      queue.erase(queue.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
  std::string front() const {
    const Held& item = queue.front();
    return (item.gap ? "gap " : "") + std::to_string(item.first) + "-" + std::to_string(item.last) +
           ":" + std::to_string(item.count) + " ";
  }
  Overflow overflow;
  std::uint64_t events_max;
  std::deque<Held> queue{};
};

class TapModelTest : public ::testing::TestWithParam<Overflow> {};
INSTANTIATE_TEST_SUITE_P(Policies, TapModelTest,
                         ::testing::Values(Overflow::drop_oldest, Overflow::drop_newest,
                                           Overflow::block, Overflow::disconnect));

TEST_P(TapModelTest, QueuesWhatTheModelSays) {
  for (const std::uint64_t seed : testing::seeds(30)) {
    SCOPED_TRACE(testing::named(seed));
    testing::Chance chance(seed);
    const std::uint64_t events_max = chance.between(1, 12);
    Tap tap({std::uint64_t{1} << 40, events_max, GetParam()});
    Model model{GetParam(), events_max};
    std::uint64_t next = 1;
    for (int step = 0; step < 500; ++step) {
      ASSERT_EQ(tap.full(), model.full());
      if (chance.one_in(2) && !tap.empty()) {
        ASSERT_EQ(told(tap.front()), model.front());
        tap.delivered();
        model.queue.pop_front();
      } else if (!tap.blocks()) {
        const std::size_t events = chance.between(1, 5);
        const std::size_t filtered = chance.below(3);
        tap.offer(events + filtered, stamped(batch_of("a", events), next));
        model.offer({next, next + events - 1, events, false});
        next += events + filtered;
      }
      ASSERT_TRUE(tap.ledger().balances());
      ASSERT_EQ(tap.empty(), model.queue.empty());
    }
    EXPECT_EQ(tap.ledger().accepted, next - 1);
  }
}

}  // namespace
}  // namespace xylem
