#include "relay/pipeline/tap_set.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/doubles/batches.h"
#include "tests/doubles/chance.h"

namespace xylem {
namespace {

using testing::batch_of;
using testing::stamped;

class TapSetTest : public ::testing::Test {
 protected:
  Tap& add(const std::vector<std::string>& patterns, const Tap::Options& options = {}) {
    taps.push_back(std::make_unique<Tap>(options));
    set.add(*taps.back(), TopicFilter::parse(patterns).value());
    return *taps.back();
  }
  static const Batch* held(const Tap& tap) {
    return tap.empty() ? nullptr : &*std::get<BatchRef>(tap.front());
  }

  std::vector<std::unique_ptr<Tap>> taps;
  TapSet set;
  BatchRef batch =
      stamped(batch_of({{"task.sent", "1"}, {"task.failed", "2"}, {"task.sent", "3"}}), 1);
};

TEST_F(TapSetTest, SharesTheBatchItselfWithWhoeverWantsAllOfIt) {
  const Tap& everything = add({});
  const Tap& tasks = add({"task.#"});
  set.offer(batch);
  EXPECT_EQ(held(everything), &*batch);
  EXPECT_EQ(held(tasks), &*batch);
}

TEST_F(TapSetTest, GivesNothingToWhoeverWantsNoneOfIt) {
  const Tap& workers = add({"worker.#"});
  set.offer(batch);
  EXPECT_TRUE(workers.empty());
  EXPECT_EQ(workers.ledger().accepted, 3u);
  EXPECT_EQ(workers.ledger().filtered, 3u);
}

TEST_F(TapSetTest, SharesOneThinnedCopyAmongTapsWithTheSameFilter) {
  const Tap& one = add({"task.sent", "worker.#"});
  const Tap& other = add({"worker.#", "task.sent"});
  EXPECT_EQ(set.distinct_filters(), 1u);
  set.offer(batch);
  ASSERT_NE(held(one), nullptr);
  EXPECT_EQ(held(one), held(other));
  EXPECT_EQ(testing::said(*held(one)), "task.sent=1 task.sent=3 ");
  EXPECT_EQ(testing::sequences(*held(one)), (std::vector<std::uint64_t>{1, 3}));
}

TEST_F(TapSetTest, SharesOneThinnedCopyAmongFiltersThatMatchTheSame) {
  const Tap& one = add({"task.sent", "nobody.1"});
  const Tap& other = add({"task.sent", "nobody.2"});
  const Tap& failed = add({"task.failed"});
  EXPECT_EQ(set.distinct_filters(), 3u);
  set.offer(batch);
  ASSERT_NE(held(one), nullptr);
  EXPECT_EQ(held(one), held(other));
  EXPECT_EQ(testing::said(*held(failed)), "task.failed=2 ");
}

TEST_F(TapSetTest, CountsCopiesIntoWhatAnOfferCosts) {
  const BatchRef large = stamped(batch_of({{"a", std::string(100'000, 'x')}, {"b", ""}}), 1);
  add({"a", "nobody.1"});
  const std::size_t of_one = set.offer(large);
  EXPECT_GT(of_one, 20'000u);
  add({"a", "nobody.2"});
  EXPECT_LT(set.offer(large), of_one + 100) << "it is the same copy";
}

TEST_F(TapSetTest, KeepsFiltersApartThatAreNotTheSame) {
  const Tap& sent = add({"task.sent"});
  const Tap& failed = add({"task.failed"});
  EXPECT_EQ(set.distinct_filters(), 2u);
  set.offer(batch);
  EXPECT_EQ(testing::said(*held(sent)), "task.sent=1 task.sent=3 ");
  EXPECT_EQ(testing::said(*held(failed)), "task.failed=2 ");
}

TEST_F(TapSetTest, OffersNothingToATapThatWasRemoved) {
  Tap& gone = add({});
  const Tap& stays = add({});
  set.remove(gone);
  set.offer(batch);
  EXPECT_EQ(gone.ledger().accepted, 0u);
  EXPECT_EQ(stays.ledger().accepted, 3u);
  set.remove(*taps[1]);
  EXPECT_EQ(set.distinct_filters(), 0u);
}

TEST_F(TapSetTest, IsBlockedWhileAnyTapBlocks) {
  EXPECT_FALSE(set.blocked());
  add({}, {.events_max = 1, .overflow = Overflow::drop_oldest});
  Tap& blocking = add({"task.failed"}, {.events_max = 1, .overflow = Overflow::block});
  EXPECT_FALSE(set.blocked());
  set.offer(batch);
  EXPECT_TRUE(set.blocked());
  blocking.delivered();
  EXPECT_FALSE(set.blocked());
}

TEST_F(TapSetTest, WaitsForNobodyWhileBlockIsSuspended) {
  Tap& blocking = add({}, {.events_max = 1, .overflow = Overflow::block});
  set.offer(batch);
  EXPECT_TRUE(set.blocked());
  set.suspend_block(true);
  EXPECT_FALSE(set.blocked());
  set.offer(batch);
  EXPECT_EQ(blocking.ledger().held, 3u);
  EXPECT_EQ(blocking.ledger().dropped_total(), 3u);
  Tap& newcomer = add({}, {.events_max = 1, .overflow = Overflow::block});
  set.offer(batch);
  EXPECT_FALSE(newcomer.blocks());
  set.suspend_block(false);
  EXPECT_TRUE(set.blocked());
}

TEST_F(TapSetTest, CountsWhatSeveralTapsHoldOnce) {
  TapSet bounded(1 << 20);
  Tap one({}, &bounded.memory()), other({}, &bounded.memory());
  bounded.add(one, TopicFilter::parse({}).value());
  bounded.add(other, TopicFilter::parse({"task.#"}).value());
  bounded.offer(batch);
  EXPECT_EQ(bounded.memory().bytes(), batch->footprint());
  one.delivered();
  EXPECT_EQ(bounded.memory().bytes(), batch->footprint());
  static_cast<void>(other.abandon(DropReason::disconnected));
  EXPECT_EQ(bounded.memory().bytes(), 0u);
}

// A model: taps with every policy and different filters, some of which are never read.
TEST_F(TapSetTest, HoldsNoMoreThanItMayWhateverTheTapsPolicies) {
  constexpr Overflow kPolicies[] = {Overflow::drop_oldest, Overflow::drop_newest, Overflow::block,
                                    Overflow::disconnect, Overflow::spill};
  for (const std::uint64_t seed : testing::seeds(15)) {
    SCOPED_TRACE(testing::named(seed));
    testing::Chance chance(seed);
    TapSet bounded(100'000);
    std::vector<std::unique_ptr<Tap>> some;
    for (std::size_t i = 0; i < 1 + chance.below(12); ++i) {
      const Tap::Options options{.overflow = kPolicies[chance.below(5)]};
      some.push_back(std::make_unique<Tap>(options, &bounded.memory()));
      const std::string key = chance.one_in(3) ? "#" : "k" + std::to_string(i);
      bounded.add(*some.back(), TopicFilter::parse({key}).value());
    }
    std::uint64_t largest = 0;
    for (std::uint64_t step = 0, next = 1; step < 200; ++step) {
      std::vector<testing::Said> events;
      for (std::size_t n = 1 + chance.below(20); n > 0; --n) {
        events.push_back({"k" + std::to_string(chance.below(12)), std::string(200, 'x')});
      }
      const BatchRef more = stamped(batch_of(events), next);
      next += more->size();
      largest = std::max<std::uint64_t>(largest, more->footprint());
      // The sink's own rules: it offers nothing while one blocks, and lets those go who ask for it.
      if (!bounded.blocked()) bounded.offer(more);
      for (const auto& tap : some) {
        ASSERT_TRUE(tap->ledger().balances());
        if (tap->must_disconnect() || tap->spills()) {
          bounded.remove(*tap);
          static_cast<void>(tap->abandon(DropReason::disconnected));
        }
        if (chance.one_in(4) && tap != some.front() && !tap->empty()) tap->delivered();
      }
      // Whoever takes all it is given, whatever all hold, takes a batch and its thinned copies.
      ASSERT_LE(bounded.memory().bytes(), 100'000 + 13 * largest);
    }
  }
}

TEST_F(TapSetTest, LetsTheTapThatHoldsMostOverflowFirst) {
  TapSet bounded(20'000);
  Tap small({}, &bounded.memory()), large({}, &bounded.memory());
  bounded.add(small, TopicFilter::parse({"a"}).value());
  bounded.add(large, TopicFilter::parse({"b"}).value());
  bounded.offer(stamped(batch_of("a", 1, 3000), 1));
  for (std::uint64_t i = 0; i < 20; ++i) bounded.offer(stamped(batch_of("b", 1, 3000), 2 + i));
  EXPECT_EQ(small.ledger().dropped_total(), 0u);
  EXPECT_GT(large.ledger().dropped_total(), 10u);
  EXPECT_LE(bounded.memory().bytes(), 20'000u);
  EXPECT_EQ(bounded.squeezes(), large.ledger().dropped_total());
}

// What is told to take no more is told again that it may.
TEST_F(TapSetTest, TakesEventsAgainOnceThereIsRoomForAll) {
  TapSet bounded(20'000);
  Tap tap({.overflow = Overflow::disconnect}, &bounded.memory());
  bounded.add(tap, TopicFilter::parse({}).value());
  std::uint64_t next = 1;
  while (!tap.full()) bounded.offer(stamped(batch_of("b", 1, 3000), next++));
  EXPECT_TRUE(tap.is_squeezed());
  EXPECT_GT(tap.ledger().held, 3u);
  while (!tap.empty()) tap.delivered();
  EXPECT_FALSE(tap.full());
  bounded.offer(stamped(batch_of("b", 1, 3000), next++));
  EXPECT_EQ(tap.ledger().held, 1u);
}

TEST_F(TapSetTest, BalancesEveryTapWhateverItWants) {
  add({});
  add({"task.sent"});
  add({"worker.#"});
  for (std::uint64_t i = 0; i < 10; ++i) set.offer(stamped(batch_of("task.sent", 3), 3 * i + 1));
  for (const auto& tap : taps) {
    EXPECT_TRUE(tap->ledger().balances());
    EXPECT_EQ(tap->ledger().accepted, 30u);
  }
}

}  // namespace
}  // namespace xylem
