#include "relay/event/ledger.h"

#include <gtest/gtest.h>

#include <set>

namespace xylem {
namespace {

Ledger holding(std::uint64_t events) {
  Ledger ledger;
  ledger.accepted = events;
  ledger.held = events;
  return ledger;
}

TEST(Ledger, BalancesWhileEventsMoveFromHeldToDropped) {
  Ledger ledger = holding(10);
  EXPECT_TRUE(ledger.balances());
  ledger.drop_held(DropReason::stopping, 4);
  EXPECT_TRUE(ledger.balances());
  EXPECT_EQ(ledger.held, 6u);
  EXPECT_EQ(ledger.dropped_total(), 4u);
}

TEST(Ledger, DoesNotBalanceOnceAnEventIsForgotten) {
  Ledger ledger = holding(10);
  --ledger.held;
  EXPECT_FALSE(ledger.balances());
}

TEST(Ledger, KeepsReasonsApart) {
  Ledger ledger = holding(10);
  ledger.drop_held(DropReason::overflow_oldest, 1);
  ledger.drop_held(DropReason::disconnected, 2);
  EXPECT_EQ(ledger.dropped[static_cast<std::size_t>(DropReason::overflow_oldest)], 1u);
  EXPECT_EQ(ledger.dropped[static_cast<std::size_t>(DropReason::disconnected)], 2u);
  EXPECT_EQ(ledger.dropped_total(), 3u);
}

TEST(Ledger, OfTwoTapsBalancesWhenEachDoes) {
  Ledger sum = holding(3);
  Ledger other = holding(5);
  other.drop_held(DropReason::stopping, 5);
  other.accepted += 7;
  other.filtered += 3;
  other.delivered += 4;
  sum += other;
  EXPECT_TRUE(sum.balances());
  EXPECT_EQ(sum.accepted, 15u);
  EXPECT_EQ(sum.held, 3u);
}

TEST(LedgerDeathTest, AbortsWhenMoreIsDroppedThanHeld) {
  Ledger ledger = holding(1);
  EXPECT_DEATH(ledger.drop_held(DropReason::stopping, 2), "only held events");
}

TEST(DropReason, HasADistinctName) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kDropReasonCount; ++i) {
    names.insert(name_of(static_cast<DropReason>(i)));
  }
  EXPECT_EQ(names.size(), kDropReasonCount);
  EXPECT_FALSE(names.contains("unknown"));
}

}  // namespace
}  // namespace xylem
