// Goal    what is kept is the newest, within its bounds, and is found by sequence and by time.
// Method  batches by hand; then random ones against a list that is searched from its front.

#include "relay/pipeline/retention.h"

#include <gtest/gtest.h>

#include "tests/doubles/batches.h"
#include "tests/doubles/chance.h"

namespace xylem {
namespace {

BatchRef taken_in(std::uint64_t first, std::size_t events, std::int64_t at_us) {
  auto batch = testing::batch_of("a", events);
  batch->stamp({7}, {first}, at_us);
  return BatchRef(std::move(batch));
}

TEST(Retention, OfNothingBeginsAndEndsAtTheFirstSequence) {
  const Retention kept({});
  EXPECT_EQ(kept.first(), Sequence{1});
  EXPECT_EQ(kept.next(), Sequence{1});
  EXPECT_EQ(kept.since(0), Sequence{1});
}

TEST(Retention, FindsTheBatchOfASequence) {
  Retention kept({});
  kept.add(taken_in(1, 3, 10));
  kept.add(taken_in(4, 1, 20));
  kept.add(taken_in(5, 2, 30));
  EXPECT_EQ(kept.at({1})->first_sequence(), Sequence{1});
  EXPECT_EQ(kept.at({3})->first_sequence(), Sequence{1});
  EXPECT_EQ(kept.at({4})->first_sequence(), Sequence{4});
  EXPECT_EQ(kept.at({6})->first_sequence(), Sequence{5});
  EXPECT_EQ(kept.next(), Sequence{7});
}

TEST(Retention, LetsGoOfTheOldestForTheNewest) {
  const BatchRef one = taken_in(1, 2, 10);
  Retention kept({.bytes_max = 2 * one->footprint(), .age_max = std::chrono::hours(1)});
  kept.add(one);
  kept.add(taken_in(3, 2, 20));
  EXPECT_EQ(kept.first(), Sequence{1});
  kept.add(taken_in(5, 2, 30));
  EXPECT_EQ(kept.first(), Sequence{3});
  EXPECT_EQ(kept.bytes(), 2 * one->footprint());
}

TEST(Retention, OfNoBytesKeepsNothingAndStillCounts) {
  Retention kept({.bytes_max = 0, .age_max = std::chrono::hours(1)});
  kept.add(taken_in(1, 5, 10));
  EXPECT_EQ(kept.first(), Sequence{6});
  EXPECT_EQ(kept.next(), Sequence{6});
  EXPECT_EQ(kept.bytes(), 0u);
}

TEST(Retention, LetsGoOfWhatIsTooOld) {
  Retention kept({.bytes_max = 1 << 20, .age_max = std::chrono::seconds(1)});
  kept.add(taken_in(1, 1, 1'000'000));
  kept.add(taken_in(2, 1, 1'500'000));
  kept.trim(2'000'000);
  EXPECT_EQ(kept.first(), Sequence{1});
  kept.trim(2'000'001);
  EXPECT_EQ(kept.first(), Sequence{2});
  kept.trim(9'000'000);
  EXPECT_EQ(kept.first(), kept.next());
}

TEST(Retention, KnowsWhatCameSince) {
  Retention kept({});
  kept.add(taken_in(1, 2, 100));
  kept.add(taken_in(3, 2, 200));
  EXPECT_EQ(kept.since(0), Sequence{1});
  EXPECT_EQ(kept.since(100), Sequence{1});
  EXPECT_EQ(kept.since(101), Sequence{3});
  EXPECT_EQ(kept.since(201), Sequence{5});
}

TEST(Retention, IsTheEndOfAListOfAllThatCame) {
  for (const std::uint64_t seed : testing::seeds(30)) {
    SCOPED_TRACE(testing::named(seed));
    testing::Chance chance(seed);
    Retention kept({.bytes_max = chance.between(0, 4000), .age_max = std::chrono::hours(1)});
    std::vector<BatchRef> all;
    std::uint64_t next = 1;
    for (int step = 0; step < 100; ++step) {
      const std::size_t events = chance.between(1, 4);
      all.push_back(taken_in(next, events, static_cast<std::int64_t>(next)));
      kept.add(all.back());
      next += events;
      ASSERT_LE(kept.bytes(), kept.options().bytes_max);
      ASSERT_EQ(kept.next().value, next);
      for (std::uint64_t sequence = kept.first().value; sequence < next; ++sequence) {
        const BatchRef& found = kept.at({sequence});
        ASSERT_LE(found->first_sequence().value, sequence);
        ASSERT_GT(found->first_sequence().value + found->size(), sequence);
      }
    }
  }
}

}  // namespace
}  // namespace xylem
