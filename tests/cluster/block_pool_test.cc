#include "relay/cluster/block_pool.h"

#include <gtest/gtest.h>

#include <cstring>

#include "tests/doubles/chance.h"

namespace xylem::cluster {
namespace {

TEST(BlockPool, HandsOutNoByteTwiceAndCountsThemAll) {
  ::xylem::testing::Chance chance(1);
  BlockPool pool;
  struct Held {
    std::byte* block;
    std::size_t bytes;
    int mark;
  };
  std::vector<Held> held;
  for (int round = 0; round < 20'000; ++round) {
    if (held.size() > 100 || (!held.empty() && chance.one_in(3))) {
      std::swap(held[chance.below(held.size())], held.back());
      for (std::size_t i = 0; i < held.back().bytes; ++i) {
        ASSERT_EQ(std::to_integer<int>(held.back().block[i]), held.back().mark);
      }
      pool.give_back(held.back().block, held.back().bytes);
      held.pop_back();
      continue;
    }
    const std::size_t bytes = chance.below(chance.one_in(10) ? 5000 : 300);
    held.push_back({pool.take(bytes), bytes, round % 251});
    std::memset(held.back().block, round % 251, bytes);
  }
  EXPECT_GT(pool.bytes_taken(), 0u);
  for (const Held& each : held) pool.give_back(each.block, each.bytes);
  EXPECT_EQ(pool.bytes_taken(), 0u);
}

}  // namespace
}  // namespace xylem::cluster
