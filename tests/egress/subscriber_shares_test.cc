#include "relay/egress/subscriber_shares.h"

#include <gtest/gtest.h>

namespace xylem {
namespace {

std::string refusal(const SubscriberShares& shares, std::string_view address, std::size_t words) {
  const auto checked = shares.check(address, words);
  return checked ? "" : checked.error().message;
}

TEST(SubscriberShares, LeavesRoomForOthersWhateverOneAddressTakes) {
  SubscriberShares shares({8, 4, 100});
  for (int i = 0; i < 4; ++i) {
    ASSERT_EQ(refusal(shares, "10.0.0.1", 1), "");
    shares.add("10.0.0.1", 1);
  }
  EXPECT_NE(refusal(shares, "10.0.0.1", 1).find("subscribers_per_address_max"), std::string::npos);
  EXPECT_EQ(refusal(shares, "10.0.0.2", 1), "");
  shares.remove("10.0.0.1", 1);
  EXPECT_EQ(refusal(shares, "10.0.0.1", 1), "");
}

TEST(SubscriberShares, BoundsTheWordsOfAllPatternsAndOfThoseOfOneAddress) {
  SubscriberShares shares({8, 4, 100});
  shares.add("10.0.0.1", 50);
  EXPECT_NE(refusal(shares, "10.0.0.1", 1).find("half of stream.pattern_words_max"),
            std::string::npos);
  shares.add("10.0.0.2", 40);
  EXPECT_EQ(refusal(shares, "10.0.0.3", 10), "");
  EXPECT_NE(refusal(shares, "10.0.0.3", 11).find("of which 90 are taken"), std::string::npos);
  shares.remove("10.0.0.1", 50);
  EXPECT_EQ(refusal(shares, "10.0.0.3", 50), "");
}

TEST(SubscriberShares, RefusesOneMoreThanThereMayBe) {
  SubscriberShares shares({2, 2, 100});
  shares.add("", 1);
  shares.add("10.0.0.1", 1);
  EXPECT_EQ(refusal(shares, "10.0.0.2", 1), "2 subscribers are as many as this relay takes");
  EXPECT_EQ(shares.all().subscribers, 2u);
  EXPECT_EQ(shares.all().pattern_words, 2u);
}

}  // namespace
}  // namespace xylem
