#include "relay/base/relay_chain.h"

#include <gtest/gtest.h>

#include <vector>

namespace xylem {
namespace {

TEST(RelayChain, HasEachRelayOnceInTheOrderOfHearing) {
  RelayChain chain;
  EXPECT_TRUE(chain.empty());
  chain.add(RelayId{1});
  RelayChain upstream;
  upstream.add(RelayId{2});
  upstream.add(RelayId{1});
  chain.add(upstream);
  EXPECT_EQ((std::vector<RelayId>(chain.begin(), chain.end())), (std::vector<RelayId>{{1}, {2}}));
  EXPECT_TRUE(chain.contains(RelayId{2}));
  EXPECT_FALSE(chain.contains(RelayId{}));
}

TEST(RelayChain, IsFullAtItsLimit) {
  RelayChain chain;
  for (std::uint64_t id = 1; id <= RelayChain::kRelaysMax + 1; ++id) chain.add(RelayId{id});
  EXPECT_TRUE(chain.contains(RelayId{RelayChain::kRelaysMax}));
  EXPECT_FALSE(chain.contains(RelayId{RelayChain::kRelaysMax + 1}));
}

}  // namespace
}  // namespace xylem
