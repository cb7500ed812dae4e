// Goal    the catalog finds segments by place and time, and its account adds up to the event,
//         whatever was dropped.
// Method  segments by hand.

#include "relay/spool/log_catalog.h"

#include <gtest/gtest.h>

namespace xylem {
namespace {

class LogCatalogTest : public ::testing::Test {
 protected:
  // Epoch 6 has 1..10 and 11..30, epoch 7 has 1..5 so far.
  void SetUp() override {
    catalog.reset({{1, {6}, {1}, {11}, 100, 1000, 50}, {2, {6}, {11}, {31}, 200, 1000, 110}});
    catalog.add({3, {7}, {1}, {1}, 300, 64, 300});
    catalog.show({3, 500, {6}, 350, {{7}, {6}}, 5, 0});
  }
  std::uint64_t ordinal_at(std::uint64_t epoch, std::uint64_t sequence) {
    const auto found = catalog.at({{epoch}, {sequence}});
    return found ? found->ordinal : 0;
  }
  LogCatalog catalog;
};

TEST_F(LogCatalogTest, FindsTheSegmentOfAPlaceOrTheNext) {
  EXPECT_EQ(ordinal_at(1, 1), 1u);
  EXPECT_EQ(ordinal_at(6, 10), 1u);
  EXPECT_EQ(ordinal_at(6, 11), 2u);
  EXPECT_EQ(ordinal_at(6, 31), 3u) << "behind the epoch's end";
  EXPECT_EQ(ordinal_at(7, 5), 3u);
  EXPECT_EQ(ordinal_at(7, 6), 0u) << "not written yet";
}

TEST_F(LogCatalogTest, FindsTheSegmentOfATime) {
  EXPECT_EQ(catalog.since(0)->ordinal, 1u);
  EXPECT_EQ(catalog.since(101)->ordinal, 2u);
  EXPECT_EQ(catalog.since(350)->ordinal, 3u);
  EXPECT_FALSE(catalog.since(351));
}

TEST_F(LogCatalogTest, FindsAPlaceInASegmentByItsMarks) {
  constexpr std::uint64_t kMiB = 1 << 20;
  EXPECT_EQ(catalog.offset_at(2, {15}), 0u) << "nothing is known of it";
  catalog.mark(2, {3 * kMiB, {20}, 140});
  catalog.mark(2, {kMiB, {13}, 120});
  catalog.mark(2, {kMiB + 100, {14}, 121});
  EXPECT_EQ(catalog.offset_at(2, {12}), 0u);
  EXPECT_EQ(catalog.offset_at(2, {13}), kMiB);
  EXPECT_EQ(catalog.offset_at(2, {19}), kMiB) << "one so near to another is not kept";
  EXPECT_EQ(catalog.offset_at(2, {30}), 3 * kMiB);
  EXPECT_EQ(catalog.offset_since(2, 120), 0u) << "more of that time may lie before it";
  EXPECT_EQ(catalog.offset_since(2, 121), kMiB);
  EXPECT_EQ(catalog.offset_since(2, 500), 3 * kMiB);
  catalog.cut(2, {18}, 2 * kMiB);
  EXPECT_EQ(catalog.offset_at(2, {30}), kMiB);
  catalog.remove_oldest();
  catalog.remove_oldest();
  EXPECT_EQ(catalog.offset_at(2, {30}), 0u);
}

TEST_F(LogCatalogTest, KnowsHowFarItReachesBack) {
  EXPECT_TRUE(catalog.reaches(0)) << "nothing was ever let go of";
  catalog.remove_oldest();
  EXPECT_FALSE(catalog.reaches(109));
  EXPECT_TRUE(catalog.reaches(110));
}

TEST_F(LogCatalogTest, KnowsTheTailsGrowth) {
  EXPECT_EQ(catalog.segments().back().end, Sequence{6});
  EXPECT_EQ(catalog.segments().back().bytes, 500u);
  catalog.add({4, {7}, {6}, {6}, 400, 64, 400});
  EXPECT_EQ(catalog.segments()[2].end, Sequence{6}) << "as it was when the next began";
  EXPECT_EQ(catalog.after(3)->ordinal, 4u);
  EXPECT_FALSE(catalog.after(4));
}

TEST_F(LogCatalogTest, AccountsForWhatIsUnread) {
  catalog.need({{{6}, {5}}, {{6}, {21}}});
  EXPECT_EQ(catalog.account().unread, 10u + 5u);
  EXPECT_EQ(catalog.account().passed, 5u);
  catalog.need({{{7}, {1}}, {{7}, {6}}});
  EXPECT_EQ(catalog.account().unread, 0u);
}

TEST_F(LogCatalogTest, CountsAsDroppedWhatWentUnread) {
  catalog.need({{{6}, {1}}, {{6}, {4}}});
  const auto before = catalog.account();
  catalog.remove_oldest();
  const auto after = catalog.account();
  EXPECT_EQ(after.dropped, 7u) << "4 to 10; the first three are in the consumer's memory";
  EXPECT_EQ(before.unread, after.unread + after.dropped);
  catalog.remove_oldest();
  EXPECT_EQ(catalog.account().dropped, 27u);
}

TEST_F(LogCatalogTest, DropsNothingOfWhatNobodyNeeds) {
  catalog.remove_oldest();
  EXPECT_EQ(catalog.account().dropped, 0u);
  EXPECT_FALSE(catalog.needed());
}

TEST_F(LogCatalogTest, CountsWhatStandsTwiceOnce) {
  catalog.reset({{1, {6}, {1}, {11}, 100, 1000}, {2, {6}, {6}, {21}, 200, 1000}});
  catalog.need({{{6}, {1}}, {{6}, {1}}});
  EXPECT_EQ(catalog.account().unread, 20u);
  catalog.remove_newest();
  EXPECT_EQ(catalog.account().unread, 10u);
}

}  // namespace
}  // namespace xylem
