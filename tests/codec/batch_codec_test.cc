// Goal    what is written is what is read, and a thinned batch is told from a whole one only by the
//         holes in its positions.

#include "relay/codec/batch_codec.h"
#include "relay/codec/batch_split.h"

#include <gtest/gtest.h>

#include "tests/doubles/batches.h"
#include "tests/doubles/bytes.h"
#include "tests/doubles/chance.h"

namespace xylem {
namespace {

using testing::batch_of;
using testing::said;
using testing::stamped;

std::unique_ptr<Batch> sent_and_read(const Batch& batch) {
  const testing::Exact received(batch.frame());
  return read_batch(received.span(), SourceLimits{}).value();
}

TEST(BatchCodec, ReadsWhatItWrote) {
  const auto batch = batch_of({{"task.sent", "{}", 5}, {"task.failed", "{\"a\":1}", -6}});
  const auto read = sent_and_read(*batch);
  EXPECT_EQ(said(*read), "task.sent={} task.failed={\"a\":1} ");
  EXPECT_EQ(read->entries()[0].timestamp_us, 5);
  EXPECT_EQ(read->entries()[1].timestamp_us, -6);
  EXPECT_EQ(read->keys()[0].events, 1u);
}

TEST(BatchCodec, WritesNoStamp) {
  const auto batch = sent_and_read(*batch_of("a", 1));
  EXPECT_EQ(batch->epoch(), Epoch{0});
  EXPECT_EQ(batch->first_sequence(), Sequence{0});
  EXPECT_EQ(batch->received_us(), 0);
}

TEST(BatchCodec, CarriesTheStampInTheFrame) {
  const BatchRef batch = stamped(batch_of("a", 3), 1000, 42);
  const auto read = sent_and_read(*batch);
  EXPECT_EQ(read->epoch(), Epoch{42});
  EXPECT_EQ(read->first_sequence(), Sequence{1000});
  EXPECT_EQ(testing::sequences(*read), (std::vector<std::uint64_t>{1000, 1001, 1002}));
}

TEST(BatchCodec, StampsABatchThatItReadInPlace) {
  const auto batch = sent_and_read(*batch_of({{"a", "one"}, {"b", "two"}}));
  batch->stamp(Epoch{1}, Sequence{UINT64_MAX / 2}, -1);
  const auto again = sent_and_read(*batch);
  EXPECT_EQ(again->first_sequence(), Sequence{UINT64_MAX / 2});
  EXPECT_EQ(said(*again), "a=one b=two ");
}

TEST(BatchCodec, TakesEmptyBodiesAndTheLongestKey) {
  const std::string key(kRoutingKeyBytesMax, 'k');
  EXPECT_EQ(said(*sent_and_read(*batch_of({{key, ""}, {"a", ""}}))), key + "= a= ");
}

TEST(BatchCodec, KeepsThatABatchIsReplayed) {
  EXPECT_FALSE(sent_and_read(*batch_of({{"a", "1"}, {"b", "2"}}))->is_replayed());
  const auto batch = sent_and_read(*testing::replayed({{"a", "1"}, {"b", "2"}}));
  EXPECT_TRUE(batch->is_replayed());
  EXPECT_TRUE(sent_and_read(*gather(*batch, {true, false}))->is_replayed());
  EXPECT_TRUE(sent_and_read(*events_from(*batch, {1}))->is_replayed());
}

TEST(BatchCodec, KnowsItsFramesByTheIdentifier) {
  const auto batch = batch_of("a", 1);
  EXPECT_TRUE(is_batch_frame(batch->frame()));
  EXPECT_FALSE(is_batch_frame(batch->frame().first(7)));
  EXPECT_FALSE(is_batch_frame({}));
  EXPECT_FALSE(is_batch_frame(testing::bytes_of("{\"type\":\"a\"}")));
}

TEST(BatchCodec, RefusesAFrameAboveTheMessageLimit) {
  const auto batch = batch_of("a", 1);
  const std::size_t size = batch->frame().size();
  EXPECT_TRUE(read_batch(batch->frame(), {.message_bytes_max = size}));
  EXPECT_EQ(read_batch(batch->frame(), {.message_bytes_max = size - 1}).error(),
            Refusal::message_too_large);
}

TEST(BatchCodec, RefusesMoreEventsThanABatchMayHave) {
  const std::vector<std::string_view> keys{"a"};
  std::vector<EventEntry> entries;
  for (std::uint32_t i = 0; i <= kEventsPerBatchMax; ++i) entries.push_back({0, 0, 0, i, 0, 0});
  EXPECT_EQ(read_batch(write_batch({keys, entries, ""})->frame(), {}).error(),
            Refusal::too_many_events);
  entries.pop_back();
  EXPECT_TRUE(read_batch(write_batch({keys, entries, ""})->frame(), {}));
}

TEST(BatchCodec, RefusesMoreKeysThanEventsCanHave) {
  std::vector<std::string_view> keys(kEventsPerBatchMax, "a");
  EXPECT_TRUE(read_batch(write_batch({keys, {}, ""})->frame(), {}));
  keys.emplace_back("a");
  EXPECT_EQ(read_batch(write_batch({keys, {}, ""})->frame(), {}).error(), Refusal::malformed_batch);
}

TEST(Gather, KeepsPositionsAndStampOfWhatIsWanted) {
  const BatchRef batch =
      stamped(batch_of({{"a", "1"}, {"b", "22"}, {"a", "3"}, {"c", "4"}, {"b", "5"}}), 100, 9);
  const auto thinned = gather(*batch, {true, false, true});
  EXPECT_EQ(said(*thinned), "a=1 a=3 c=4 ");
  EXPECT_EQ(testing::sequences(*thinned), (std::vector<std::uint64_t>{100, 102, 103}));
  EXPECT_EQ(thinned->epoch(), Epoch{9});
  EXPECT_EQ(thinned->received_us(), batch->received_us());
  EXPECT_EQ(thinned->keys().size(), 2u);
  EXPECT_EQ(thinned->bodies(), "134") << "what nobody wants does not travel";
}

TEST(Gather, MakesFramesThatCanBeReadAndThinnedAgain) {
  const BatchRef batch = stamped(batch_of({{"a", "1"}, {"b", "2"}, {"c", "3"}}), 10);
  const auto once = sent_and_read(*gather(*batch, {false, true, true}));
  EXPECT_EQ(testing::sequences(*once), (std::vector<std::uint64_t>{11, 12}));
  const auto twice = sent_and_read(*gather(*once, {false, true}));
  EXPECT_EQ(said(*twice), "c=3 ");
  EXPECT_EQ(testing::sequences(*twice), (std::vector<std::uint64_t>{12}));
}

TEST(Gather, TakesEachWantedEventOnceAndNoOther) {
  for (const std::uint64_t seed : testing::seeds(50)) {
    SCOPED_TRACE(testing::named(seed));
    testing::Chance chance(seed);
    std::vector<testing::Said> events;
    for (std::size_t n = chance.between(1, 200); n > 0; --n) {
      events.push_back({"k" + std::to_string(chance.below(9)), std::string(chance.below(20), 'x')});
    }
    const BatchRef batch = stamped(batch_of(events), 1);
    std::vector<bool> wanted;
    for (std::size_t i = 0; i < batch->keys().size(); ++i) wanted.push_back(chance.one_in(2));
    std::string expected;
    for (const EventEntry& entry : batch->entries()) {
      if (!wanted[entry.key]) continue;
      expected.append(batch->key_of(entry)).append("=").append(batch->body_of(entry)).append(" ");
    }
    ASSERT_EQ(said(*sent_and_read(*gather(*batch, wanted))), expected);
  }
}

}  // namespace
}  // namespace xylem
