// Goal    what all taps of a sink hold together is bounded, and nobody is silenced by it: an empty
//         tap is never full, and whoever reads gets on, whatever the others hold.
// Method  strangers that never read fill the memory in every way there is, and one that reads is
//         held against what it was offered; then random sets of taps.

#include "relay/pipeline/tap_memory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "relay/pipeline/tap_set.h"
#include "tests/doubles/batches.h"
#include "tests/doubles/chance.h"

namespace xylem {
namespace {

using testing::batch_of;
using testing::stamped;

constexpr Overflow kPolicies[] = {Overflow::drop_oldest, Overflow::drop_newest, Overflow::block,
                                  Overflow::disconnect, Overflow::spill};

// Taps as the stream endpoint has them, by its rules: nothing is offered while one blocks, one that
// spills is offered nothing more, and one that wants to be disconnected is gone.
class Sink {
 public:
  explicit Sink(std::uint64_t bytes_max) : set(bytes_max) {}
  Tap& add(const std::string& key, Overflow overflow, const std::string& address = "") {
    const Tap::Options options{.overflow = overflow};
    taps.push_back(std::make_unique<Tap>(options, &set.memory(), address));
    set.add(*taps.back(), TopicFilter::parse({key, "n" + std::to_string(taps.size())}).value());
    return *taps.back();
  }
  // Two events of different keys: who wants one gets a copy.
  void offer(const std::string& key, std::size_t bytes) {
    const BatchRef batch =
        stamped(batch_of({{key, std::string(bytes, 'x')}, {"other", "1"}}), next);
    next += 2;
    largest = std::max<std::uint64_t>(largest, batch->footprint());
    set.offer(batch);
    for (const auto& tap : taps) {
      if (tap->spills()) set.remove(*tap);
    }
  }
  void fill(const std::string& key, std::size_t bytes) {
    for (int i = 0; i < 8 && !set.blocked(); ++i) offer(key, bytes);
  }
  TapSet set;
  std::vector<std::unique_ptr<Tap>> taps;
  std::uint64_t next = 1;
  std::uint64_t largest = 0;
};

void read_all(Tap& tap) {
  while (!tap.empty()) tap.delivered();
}

class FullMemoryTest : public ::testing::TestWithParam<std::tuple<Overflow, Overflow>> {
 protected:
  // A reader beside twenty that read nothing, and were offered eight events of so many bytes each.
  Tap& beside_idle_ones(std::size_t bytes) {
    const auto [theirs, its] = GetParam();
    for (int i = 0; i < 20; ++i) sink.add("idle" + std::to_string(i), theirs);
    Tap& reader = sink.add("task", its);
    for (int i = 0; i < 20; ++i) sink.fill("idle" + std::to_string(i), bytes);
    // Who holds everything up is waited for, for a while (egress/block_budget.h).
    sink.set.suspend_block(sink.set.blocked());
    return reader;
  }
  Sink sink{100'000};
};
INSTANTIATE_TEST_SUITE_P(Policies, FullMemoryTest,
                         ::testing::Combine(::testing::ValuesIn(kPolicies),
                                            ::testing::ValuesIn(kPolicies)));

TEST_P(FullMemoryTest, WhoeverReadsGetsEverythingWhateverTheOthersHold) {
  Tap& reader = beside_idle_ones(2000);
  ASSERT_TRUE(sink.set.memory().tight());
  for (int i = 0; i < 50; ++i) {
    ASSERT_FALSE(reader.full());
    sink.offer("task", 30'000);
    ASSERT_EQ(reader.ledger().held, 1u);
    read_all(reader);
  }
  EXPECT_EQ(reader.ledger().dropped_total(), 0u);
  EXPECT_FALSE(reader.must_disconnect());
}

// It paused, held most, and was told to take no more; then it has read, and the others have not.
TEST_P(FullMemoryTest, WhoeverHasReadMayTakeMoreAgain) {
  Tap& reader = beside_idle_ones(500);
  for (int i = 0; i < 50 && !reader.full(); ++i) sink.offer("task", 4000);
  read_all(reader);
  EXPECT_FALSE(reader.full());
  EXPECT_FALSE(reader.is_squeezed());
  if (std::get<1>(GetParam()) == Overflow::spill)
    sink.set.add(reader, TopicFilter::parse({"task"}).value());
  const std::uint64_t before = reader.ledger().delivered;
  sink.offer("task", 500);
  read_all(reader);
  EXPECT_EQ(reader.ledger().delivered, before + 1);
}

TEST(TapMemoryTest, AnEmptyTapIsNeverFullAndABoundIsOneWhateverComes) {
  for (const std::uint64_t seed : testing::seeds(40)) {
    SCOPED_TRACE(testing::named(seed));
    testing::Chance chance(seed);
    Sink sink(50'000 + chance.below(100'000));
    const std::size_t taps = chance.between(1, 30);
    for (std::size_t i = 0; i < taps; ++i) {
      sink.add("k" + std::to_string(chance.below(8)), kPolicies[chance.below(5)],
               "host" + std::to_string(chance.below(4)));
    }
    for (int step = 0; step < 200; ++step) {
      if (!sink.set.blocked())
        sink.offer("k" + std::to_string(chance.below(8)), chance.below(4000));
      if (chance.one_in(20)) sink.set.suspend_block(chance.one_in(2));
      for (std::size_t i = 0; i < taps; ++i) {
        Tap& tap = *sink.taps[i];
        if (i % 2 == 1 && chance.one_in(3) && !tap.empty()) tap.delivered();
        ASSERT_TRUE(tap.ledger().balances());
        ASSERT_FALSE(tap.ledger().held == 0 && tap.full());
      }
      ASSERT_LE(sink.set.memory().bytes(), sink.set.memory().bytes_max() + taps * sink.largest);
    }
    for (const auto& tap : sink.taps) static_cast<void>(tap->abandon(DropReason::stopping));
    ASSERT_EQ(sink.set.memory().bytes(), 0u);
  }
}

// However many names a peer takes, another address has as much as all of them.
TEST(TapMemoryTest, OfTheAddressThatHoldsMostTheTapThatHoldsMostOverflowsFirst) {
  Sink sink(400'000);
  for (int i = 0; i < 40; ++i) sink.add("many" + std::to_string(i), Overflow::drop_oldest, "a");
  Tap& alone = sink.add("alone", Overflow::drop_oldest, "b");
  for (int i = 0; i < 30; ++i) sink.offer("alone", 4000);
  for (int i = 0; i < 400; ++i) sink.offer("many" + std::to_string(i % 40), 2000);
  EXPECT_EQ(alone.ledger().dropped_total(), 0u);
  EXPECT_GT(alone.held_memory(), sink.taps.front()->held_memory() * 10);
  EXPECT_GT(sink.set.squeezes(), 0u);
}

// However large a batch is, one that has not been read gives way to the next.
TEST(TapMemoryTest, ASingleBatchOfEachTapIsBoundedToo) {
  for (const Overflow overflow : {Overflow::drop_oldest, Overflow::drop_newest}) {
    Sink sink(100'000);
    for (int i = 0; i < 30; ++i) sink.add("idle" + std::to_string(i), overflow);
    for (int i = 0; i < 30; ++i) sink.offer("idle" + std::to_string(i), 20'000);
    EXPECT_LE(sink.set.memory().bytes(), 100'000 + sink.largest);
  }
}

// Ten monitors of one address hold the same, and that is held once.
TEST(TapMemoryTest, CountsWhatTapsOfOneAddressHoldTogetherOnce) {
  Sink sink(400'000);
  for (int i = 0; i < 10; ++i) sink.add("same", Overflow::drop_oldest, "a");
  sink.add("alone", Overflow::drop_oldest, "b");
  for (int i = 0; i < 20; ++i) sink.offer("same", 4000);
  for (int i = 0; i < 100; ++i) sink.offer("alone", 4000);
  EXPECT_EQ(sink.taps.front()->ledger().dropped_total(), 0u) << "it holds less than the other";
  EXPECT_EQ(sink.taps.front()->account().bytes, sink.taps.front()->held_memory());
}

TEST(TapMemoryTest, ABatchThatGoesForAllIsTheNewestOfWhoeverDropsTheNewest) {
  Sink sink(50'000);
  Tap& tap = sink.add("k", Overflow::drop_newest);
  for (int i = 0; i < 30; ++i) sink.offer("k", 4000);
  ASSERT_GT(tap.ledger().dropped_total(), 10u);
  EXPECT_EQ(tap.ledger().dropped_total(),
            tap.ledger().dropped[static_cast<std::size_t>(DropReason::overflow_newest)]);
  EXPECT_EQ(std::get<BatchRef>(tap.front())->first_sequence().value, 1u) << "it keeps the oldest";
  const std::uint64_t held = tap.ledger().held;
  for (std::uint64_t i = 0; i < held; ++i) tap.delivered();
  const Gap& gap = std::get<Gap>(tap.front());
  EXPECT_EQ(gap.count, tap.ledger().dropped_total()) << "one gap behind it";
  EXPECT_EQ(gap.first.value, 2 * held + 1);
}

TEST(TapMemoryTest, AnAddressesAccountEndsWithItsLastTap) {
  TapMemory memory(80'000);
  auto first = memory.open("a");
  EXPECT_EQ(memory.share_of_each(*first), 10'000u);
  auto second = memory.open("a");
  auto other = memory.open("b");
  EXPECT_EQ(first.get(), second.get());
  EXPECT_EQ(memory.share_of_each(*first), 2'500u);
  EXPECT_EQ(memory.share_of_each(*other), 5'000u);
  first.reset();
  second.reset();
  EXPECT_EQ(memory.share_of_each(*other), 10'000u);
}

}  // namespace
}  // namespace xylem
