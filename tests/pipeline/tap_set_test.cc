#include "relay/pipeline/tap_set.h"

#include <gtest/gtest.h>

#include "tests/doubles/batches.h"

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

TEST_F(TapSetTest, KnowsWhetherAnyTapIsFullWhateverItsPolicy) {
  EXPECT_FALSE(set.any_full());
  Tap& tap = add({}, {.events_max = 3, .overflow = Overflow::drop_newest});
  EXPECT_FALSE(set.any_full());
  set.offer(batch);
  EXPECT_TRUE(set.any_full());
  EXPECT_FALSE(set.blocked());
  tap.delivered();
  EXPECT_FALSE(set.any_full());
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
