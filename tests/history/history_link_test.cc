// Goal    what waits for readers of the past is bounded in bytes, searches in their rate,
// everybody's
//         turn comes, and nothing of a reader is left when it is gone.
// Method  the two ends on one thread; the history's is played by hand.

#include "relay/history/history_link.h"

#include <gtest/gtest.h>

namespace xylem {
namespace {

using What = HistoryOrder::What;

class HistoryLinkTest : public ::testing::Test {
 protected:
  void make(const HistoryLink::Options& options) {
    link = std::make_unique<HistoryLink>(options);
    link->join(bell, bell);
  }
  void SetUp() override { make({}); }
  std::uint64_t begin() { return link->begin({}); }
  // The orders that come to the history, as "1 2 close 3".
  std::string orders() {
    std::string told;
    while (const auto order = link->pop_order()) {
      told += (told.empty() ? "" : " ") + std::string(order->what == What::close ? "close " : "") +
              std::to_string(order->reader);
    }
    return told;
  }
  std::string sent() {
    link->send(now);
    return orders();
  }
  void answer(std::uint64_t reader, std::uint64_t bytes, bool closed = false) {
    auto helping = std::make_unique<HistoryHelping>();
    helping->reader = reader;
    helping->bytes = bytes;
    helping->closed = closed;
    link->answer(std::move(helping));
    link->receive();
  }
  std::unique_ptr<HistoryLink> link;
  Instant now{std::chrono::hours(1)};
  Doorbell bell;
};

TEST_F(HistoryLinkTest, AnswersAReaderWithOneHelpingAtATime) {
  const std::uint64_t reader = begin();
  EXPECT_EQ(sent(), "1");
  EXPECT_EQ(link->helping(reader), nullptr);
  answer(reader, 10);
  ASSERT_NE(link->helping(reader), nullptr);
  EXPECT_EQ(sent(), "") << "until it was taken";
  link->go_on(reader);
  EXPECT_EQ(link->helping(reader), nullptr);
  EXPECT_EQ(sent(), "1");
}

TEST_F(HistoryLinkTest, LetsReadersWaitForMemoryInTheOrderInWhichTheyCame) {
  make({.bytes_max = 2 * HistoryLink::kHelpingBytes});
  for (int i = 0; i < 4; ++i) static_cast<void>(begin());
  EXPECT_EQ(sent(), "1 2");
  EXPECT_TRUE(link->is_short());
  answer(1, HistoryLink::kHelpingBytes);
  EXPECT_EQ(sent(), "") << "it was not taken yet";
  link->go_on(1);
  EXPECT_EQ(sent(), "3");
  link->close(2);
  EXPECT_EQ(sent(), "close 2") << "what it ordered may still come";
  answer(2, 50);
  answer(2, 0, true);
  EXPECT_EQ(sent(), "4");
  answer(3, 1);
  link->close(3);
  EXPECT_EQ(sent(), "close 3 1");
  EXPECT_FALSE(link->is_short());
}

TEST_F(HistoryLinkTest, TakesAHelpingThatAloneIsLargerThanAllMayBe) {
  make({.bytes_max = 1});
  static_cast<void>(begin());
  static_cast<void>(begin());
  EXPECT_EQ(sent(), "1");
  answer(1, 100);
  EXPECT_EQ(sent(), "");
  link->go_on(1);
  EXPECT_EQ(sent(), "2");
}

TEST_F(HistoryLinkTest, BoundsTheRateOfSearches) {
  make({.bytes_max = 1 << 30, .seeks_per_second = 10});
  std::size_t begun = 0;
  const auto flood = [&] {
    for (int i = 0; i < 100; ++i) static_cast<void>(begin());
    begun += link->send(now);
    static_cast<void>(orders());
  };
  flood();
  const std::size_t at_once = begun;
  EXPECT_LT(at_once, 40u);
  ASSERT_TRUE(link->due());
  EXPECT_EQ(*link->due() - now, Duration(std::chrono::milliseconds(100)));
  for (int second = 0; second < 10; ++second) {
    now = now + std::chrono::seconds(1);
    for (int i = 0; i < 20; ++i) flood();
  }
  EXPECT_EQ(begun, at_once + 100);
}

// Who is under way goes on, however many want to begin.
TEST_F(HistoryLinkTest, LetsNobodyWaitForTheSearchesOfOthers) {
  make({.bytes_max = 1 << 30, .seeks_per_second = 1});
  const std::uint64_t reader = begin();
  EXPECT_EQ(sent(), "1");
  answer(reader, 10);
  for (int i = 0; i < 100; ++i) static_cast<void>(begin());
  static_cast<void>(sent());
  link->go_on(reader);
  EXPECT_EQ(sent(), "1");
}

TEST_F(HistoryLinkTest, ForgetsAReaderThatWasNeverBegun) {
  const std::uint64_t reader = begin();
  link->close(reader);
  EXPECT_EQ(sent(), "");
  EXPECT_FALSE(link->has_answers());
}

TEST_F(HistoryLinkTest, BoundsTheReadersThatTheHistoryKnows) {
  make({.readers_max = 2});
  for (int i = 0; i < 3; ++i) static_cast<void>(begin());
  EXPECT_EQ(sent(), "1 2");
  EXPECT_FALSE(link->due());
  link->close(1);
  EXPECT_EQ(sent(), "close 1");
  answer(1, 0);
  answer(1, 0, true);
  EXPECT_EQ(sent(), "3");
}

}  // namespace
}  // namespace xylem
