#include "relay/session/acked_sender.h"

#include <gtest/gtest.h>

#include <vector>

namespace xylem {
namespace {

using namespace std::chrono_literals;

constexpr Instant kStart{1h};

// Ten batches of 100 bytes offered, and a window of three of them.
class AckedSenderTest : public ::testing::Test {
 protected:
  AckedSenderTest() {
    for (int n = 0; n < 10; ++n) sender.offer(100);
  }
  void welcome(std::uint64_t acked = 0) {
    sender.on_connected();
    ASSERT_TRUE(sender.on_welcome({acked}, kStart));
  }
  std::vector<std::uint64_t> sent(Instant now = kStart) {
    std::vector<std::uint64_t> numbers;
    while (const auto number = sender.next(now)) numbers.push_back(number->value);
    return numbers;
  }
  using Numbers = std::vector<std::uint64_t>;
  AckedSender sender{{.window_bytes = 300, .patience = 2s}};
};

TEST_F(AckedSenderTest, SendsNothingBeforeTheWelcome) {
  EXPECT_EQ(sent(), Numbers{});
  welcome();
  EXPECT_EQ(sent(), (Numbers{1, 2, 3}));
}

TEST_F(AckedSenderTest, SendsAsTheWindowOpens) {
  welcome();
  static_cast<void>(sent());
  ASSERT_TRUE(sender.on_ack({2}, kStart));
  EXPECT_EQ(sender.acked().value, 2u);
  EXPECT_EQ(sent(), (Numbers{4, 5}));
  EXPECT_EQ(sender.resent(), 0u);
}

TEST_F(AckedSenderTest, SendsABatchThatIsLargerThanTheWindowAlone) {
  AckedSender small{{.window_bytes = 10, .patience = 2s}};
  small.offer(100);
  small.offer(100);
  small.on_connected();
  ASSERT_TRUE(small.on_welcome({0}, kStart));
  EXPECT_EQ(small.next(kStart)->value, 1u);
  EXPECT_FALSE(small.next(kStart));
}

TEST_F(AckedSenderTest, GoesBackToWhatTheRelayMisses) {
  welcome();
  static_cast<void>(sent());
  sender.on_missing({2});
  EXPECT_EQ(sent(), (Numbers{2, 3}));
  EXPECT_EQ(sender.resent(), 2u);
}

TEST_F(AckedSenderTest, GoesBackOnlyToWhatIsUnderWay) {
  welcome();
  static_cast<void>(sent());
  ASSERT_TRUE(sender.on_ack({2}, kStart));
  sender.on_missing({1});
  sender.on_missing({9});
  EXPECT_EQ(sent(), (Numbers{4, 5}));
}

TEST_F(AckedSenderTest, SendsAllAgainWhenNothingIsAckedForSoLong) {
  welcome();
  static_cast<void>(sent());
  EXPECT_EQ(sent(kStart + 2s), Numbers{});
  EXPECT_EQ(sent(kStart + 2s + 1ms), (Numbers{1, 2, 3}));
  EXPECT_EQ(sent(kStart + 3s), Numbers{});
}

TEST_F(AckedSenderTest, ANewConnectionBeginsWithWhatTheRelayDoesNotHave) {
  welcome();
  static_cast<void>(sent());
  welcome(1);
  EXPECT_EQ(sent(), (Numbers{2, 3, 4}));
}

TEST_F(AckedSenderTest, TakesAnAckForWhatItIsAboutToSendAgain) {
  welcome();
  static_cast<void>(sent());
  welcome(0);
  ASSERT_TRUE(sender.on_ack({3}, kStart));
  EXPECT_EQ(sent(), (Numbers{4, 5, 6}));
}

TEST_F(AckedSenderTest, OldAcksSayNothing) {
  welcome();
  static_cast<void>(sent());
  ASSERT_TRUE(sender.on_ack({3}, kStart));
  ASSERT_TRUE(sender.on_ack({1}, kStart));
  EXPECT_EQ(sender.acked().value, 3u);
}

TEST_F(AckedSenderTest, RefusesAnAckForWhatWasNeverOffered) {
  welcome();
  const auto taken = sender.on_ack({11}, kStart);
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, ErrorCode::refused);
  EXPECT_EQ(sender.acked().value, 0u);
  EXPECT_FALSE(sender.on_welcome({11}, kStart));
}

TEST_F(AckedSenderTest, ARecoveredOneTakesTheRelaysWordForWhatALifeBeforeItSent) {
  AckedSender recovered{{.window_bytes = 300, .patience = 2s, .recovered = true}, {5}};
  recovered.on_connected();
  ASSERT_TRUE(recovered.on_welcome({6}, kStart));
  EXPECT_EQ(recovered.offer(100).value, 5u);
  EXPECT_EQ(recovered.acked().value, 5u);
  // The relay was still writing what it had got before.
  ASSERT_TRUE(recovered.on_ack({8}, kStart));
  for (int n = 0; n < 4; ++n) recovered.offer(100);
  EXPECT_EQ(recovered.acked().value, 8u);
  EXPECT_EQ(recovered.next(kStart)->value, 9u);
  EXPECT_FALSE(recovered.next(kStart));
  EXPECT_EQ(recovered.resent(), 0u);
}

// Batch 5 is refused whenever it comes; nobody says that it is this one.
TEST_F(AckedSenderTest, FindsTheBatchThatIsRefused) {
  std::vector<std::uint64_t> taken;
  std::optional<BatchNumber> blamed;
  for (int connection = 0; connection < 20 && !blamed; ++connection) {
    welcome(taken.size());
    for (;;) {
      const auto numbers = sent();
      if (numbers.empty()) break;
      bool refused = false;
      for (const std::uint64_t number : numbers) {
        refused = number == 5;
        if (refused) break;
        taken.push_back(number);
      }
      if (refused) {
        blamed = sender.on_refused();
        break;
      }
      ASSERT_TRUE(sender.on_ack({taken.back()}, kStart));
    }
  }
  ASSERT_TRUE(blamed);
  EXPECT_EQ(blamed->value, 5u);
  EXPECT_EQ(taken, (Numbers{1, 2, 3, 4}));
}

TEST_F(AckedSenderTest, SendsOneAtATimeWhileOneOfThemIsSuspected) {
  welcome();
  EXPECT_EQ(sent(), (Numbers{1, 2, 3}));
  EXPECT_FALSE(sender.on_refused());
  welcome(1);
  EXPECT_EQ(sent(), (Numbers{2}));
  ASSERT_TRUE(sender.on_ack({2}, kStart));
  EXPECT_EQ(sent(), (Numbers{3}));
  ASSERT_TRUE(sender.on_ack({3}, kStart));
  EXPECT_EQ(sent(), (Numbers{4, 5, 6})) << "none of the suspects is left";
}

TEST_F(AckedSenderTest, BlamesNobodyForARefusalThatDoesNotComeAgain) {
  welcome();
  static_cast<void>(sent());
  for (std::uint64_t number = 0; number < 9; ++number) {
    EXPECT_FALSE(sender.on_refused());
    welcome(number);
    static_cast<void>(sent());
  }
}

}  // namespace
}  // namespace xylem
