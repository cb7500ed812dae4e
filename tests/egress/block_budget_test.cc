// Goal    blockers together hold the relay up for their budget at most, however they share it and
//         come and go; they are waited for again once half of it has come back.
// Method  time by hand; a model with random stalls.

#include "relay/egress/block_budget.h"

#include <gtest/gtest.h>

#include "tests/doubles/chance.h"

namespace xylem {
namespace {

using namespace std::chrono_literals;
using Endpoint = BlockBudget::Endpoint;

class BlockBudgetTest : public ::testing::Test {
 protected:
  void hold_up(Duration duration, Endpoint endpoint = Endpoint::stream) {
    budget.note(endpoint, true, now);
    now.since_boot += duration;
    budget.note(endpoint, false, now);
  }
  void flow(Duration duration) {
    now.since_boot += duration;
    budget.note(Endpoint::stream, false, now);
  }
  Instant now{1h};
  BlockBudget budget{60s};
};

TEST_F(BlockBudgetTest, IsUsedUpByManyShortStallsAsByALongOne) {
  for (int i = 0; i < 39; ++i) {
    hold_up(1500ms);
    EXPECT_TRUE(budget.allows());
  }
  hold_up(20s);
  EXPECT_FALSE(budget.allows());
}

TEST_F(BlockBudgetTest, IsOneForStreamAndPublish) {
  hold_up(30s);
  hold_up(30s, Endpoint::publish);
  EXPECT_FALSE(budget.allows());
}

TEST_F(BlockBudgetTest, AllowsAgainOnceHalfOfItHasComeBack) {
  hold_up(60s);
  flow(BlockBudget::kWindow / 2 - 1s);
  EXPECT_FALSE(budget.allows());
  flow(2s);
  EXPECT_TRUE(budget.allows());
}

TEST_F(BlockBudgetTest, HasNoBoundIfThatIsWanted) {
  BlockBudget endless{Duration(0)};
  endless.note(Endpoint::stream, true, now);
  endless.note(Endpoint::stream, true, Instant{1000h});
  EXPECT_TRUE(endless.allows());
}

TEST_F(BlockBudgetTest, BoundsTheStallsOfAnyWindowWhateverTheirPattern) {
  for (const std::uint64_t seed : testing::seeds(50)) {
    SCOPED_TRACE(testing::named(seed));
    testing::Chance chance(seed);
    BlockBudget model{60s};
    const Duration step = 100ms;
    const auto steps = static_cast<int>(BlockBudget::kWindow / step);
    std::vector<bool> stalled;
    bool holds = false;
    for (int i = 0; i < 5 * steps; ++i) {
      if (chance.one_in(20)) holds = chance.one_in(2);
      stalled.push_back(holds && model.allows());
      model.note(Endpoint::stream, stalled.back(), now);
      now.since_boot += step;
    }
    // What comes back within a window is a budget more.
    int within = 0;
    for (std::size_t i = 0; i < stalled.size(); ++i) {
      within += stalled[i];
      if (i >= static_cast<std::size_t>(steps)) within -= stalled[i - steps];
      ASSERT_LE(within * step, 2 * model.budget() + step);
    }
  }
}

}  // namespace
}  // namespace xylem
