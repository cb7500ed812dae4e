#include "relay/session/acked_receiver.h"

#include <gtest/gtest.h>

namespace xylem {
namespace {

using Verdict = AckedReceiver::Verdict;

TEST(AckedReceiver, TakesEachBatchOnce) {
  AckedReceiver receiver({1});
  EXPECT_EQ(receiver.on_batch({1}), Verdict::take);
  EXPECT_EQ(receiver.on_batch({1}), Verdict::duplicate);
  EXPECT_EQ(receiver.on_batch({2}), Verdict::take);
}

TEST(AckedReceiver, AcksWhatIsDoneAndNotWhatIsOnlyTaken) {
  AckedReceiver receiver({1});
  static_cast<void>(receiver.on_batch({1}));
  static_cast<void>(receiver.on_batch({2}));
  EXPECT_FALSE(receiver.take_answer());
  receiver.on_done({1});
  EXPECT_EQ(receiver.take_answer()->acked.value, 1u);
  EXPECT_FALSE(receiver.take_answer()) << "said once";
}

TEST(AckedReceiver, SaysOnceWhatIsMissing) {
  AckedReceiver receiver({1});
  EXPECT_EQ(receiver.on_batch({3}), Verdict::hole);
  EXPECT_EQ(receiver.on_batch({4}), Verdict::hole);
  const auto answer = receiver.take_answer();
  ASSERT_TRUE(answer && answer->missing);
  EXPECT_EQ(answer->missing->value, 1u);
  static_cast<void>(receiver.on_batch({5}));
  EXPECT_FALSE(receiver.take_answer());
}

TEST(AckedReceiver, SaysAgainWhatIsMissingWhenTheSourceHasNotHeardOfIt) {
  AckedReceiver receiver({1});
  static_cast<void>(receiver.on_batch({3}));
  static_cast<void>(receiver.on_batch({4}));
  static_cast<void>(receiver.take_answer());
  EXPECT_EQ(receiver.on_batch({3}), Verdict::hole) << "again, since the answer was lost";
  const auto answer = receiver.take_answer();
  ASSERT_TRUE(answer && answer->missing);
  EXPECT_EQ(answer->missing->value, 1u);
  static_cast<void>(receiver.on_batch({4}));
  EXPECT_FALSE(receiver.take_answer()) << "once for each time";
}

TEST(AckedReceiver, SaysOfEachHoleWhatIsMissing) {
  AckedReceiver receiver({1});
  static_cast<void>(receiver.on_batch({2}));
  static_cast<void>(receiver.take_answer());
  static_cast<void>(receiver.on_batch({1}));
  static_cast<void>(receiver.on_batch({4}));
  const auto second = receiver.take_answer();
  ASSERT_TRUE(second && second->missing);
  EXPECT_EQ(second->missing->value, 2u);
  receiver.on_hello({6});
  static_cast<void>(receiver.on_batch({9}));
  const auto third = receiver.take_answer();
  ASSERT_TRUE(third && third->missing);
  EXPECT_EQ(third->missing->value, 6u);
}

TEST(AckedReceiver, MissesNothingWhenTheBatchCameAfterAll) {
  AckedReceiver receiver({1});
  static_cast<void>(receiver.on_batch({2}));
  static_cast<void>(receiver.on_batch({1}));
  EXPECT_FALSE(receiver.take_answer());
}

TEST(AckedReceiver, AcksAgainWhatComesAgain) {
  AckedReceiver receiver({1});
  static_cast<void>(receiver.on_batch({1}));
  receiver.on_done({1});
  static_cast<void>(receiver.take_answer());
  static_cast<void>(receiver.on_batch({1}));
  EXPECT_EQ(receiver.take_answer()->acked.value, 1u);
}

TEST(AckedReceiver, BelievesASourceThatAnotherRelayAnswered) {
  AckedReceiver receiver({1});
  receiver.on_hello({8});
  EXPECT_EQ(receiver.acked().value, 7u);
  EXPECT_EQ(receiver.on_batch({7}), Verdict::duplicate);
  EXPECT_EQ(receiver.on_batch({8}), Verdict::take);
}

TEST(AckedReceiver, KeepsWhatItHasWhenTheSourceKnowsLess) {
  AckedReceiver receiver({1});
  for (std::uint64_t n = 1; n <= 5; ++n) static_cast<void>(receiver.on_batch({n}));
  receiver.on_done({5});
  receiver.on_hello({2});
  EXPECT_EQ(receiver.acked().value, 5u);
  EXPECT_EQ(receiver.on_batch({2}), Verdict::duplicate);
}

TEST(AckedReceiverDeathTest, OnlyWhatWasTakenIsDone) {
  AckedReceiver receiver({1});
  EXPECT_DEATH(receiver.on_done({1}), "only what was taken");
}

}  // namespace
}  // namespace xylem
