// Goal    parts of a batch say of each event what the batch said, keep to the limits, and stay
//         shaped; nothing is left out but what is alone above them.
// Method  batches of random events, random wishes, limits from barely one event upward; what the
//         parts say is compared with what the events were.

#include "relay/codec/batch_split.h"

#include <gtest/gtest.h>

#include "relay/codec/batch_codec.h"
#include "relay/codec/shaped_batch.h"
#include "tests/doubles/batches.h"
#include "tests/doubles/chance.h"
#include "tests/doubles/random_events.h"
#include "tests/doubles/shaped_events.h"

namespace xylem {
namespace {

std::vector<std::string> events_of(const Batch& batch) {
  const auto plain = batch.is_shaped() ? expand(batch) : nullptr;
  const Batch& readable = plain ? *plain : batch;
  std::vector<std::string> events;
  for (const EventEntry& entry : readable.entries()) {
    events.push_back(std::string(readable.key_of(entry)) + "=" +
                     std::string(readable.body_of(entry)));
  }
  return events;
}

// What is wrong with one part, if anything.
std::string fault_of(const Batch& part, const FrameLimits& limits) {
  const SourceLimits reader{limits.bytes_max, limits.bytes_max};
  if (part.frame().size() > limits.bytes_max) return "larger than a frame may be";
  const auto read = read_batch(part.frame(), reader);
  if (!read) return std::string(name_of(read.error()));
  if (!(*read)->is_shaped()) return "";
  const auto refusal = ShapeCheck(reader).refusal_of(**read);
  return refusal ? std::string(name_of(*refusal)) : "";
}

TEST(BatchSplit, SaysWhatTheBatchSaidWithinTheLimits) {
  std::size_t shaped_parts = 0;
  std::size_t most_parts = 0;
  for (const std::uint64_t seed : testing::seeds(400)) {
    SCOPED_TRACE(testing::named(seed));
    testing::Chance chance(seed);
    const auto batch = testing::shaped_events(chance, chance.between(1, 200));
    batch->stamp({7}, {100}, 9);
    const auto whole = events_of(*batch);
    std::vector<bool> wanted;
    std::vector<std::string> expected;
    const std::size_t wish = chance.between(1, 4);
    for (std::size_t i = 0; i < batch->size(); ++i) {
      wanted.push_back(wish == 4 || chance.one_in(wish));
      if (wanted.back()) expected.push_back(whole[i]);
    }
    std::size_t longest = 0;
    for (const std::string& event : whole) longest = std::max(longest, event.size());
    const FrameLimits limits{longest + kFrameBytesBesideAnEvent + chance.below(20'000)};
    const Split parts = split(*batch, wanted, limits, Positions::counted);
    EXPECT_EQ(parts.too_large, 0u);
    std::vector<std::string> said;
    for (const auto& part : parts.batches) {
      ASSERT_EQ(fault_of(*part, limits), "");
      EXPECT_EQ(part->epoch(), Epoch{7});
      EXPECT_EQ(part->received_us(), 9);
      shaped_parts += part->is_shaped();
      for (const std::string& event : events_of(*part)) said.push_back(event);
      for (std::size_t i = 0; i < part->size(); ++i) EXPECT_EQ(part->entries()[i].position, i);
    }
    ASSERT_EQ(said, expected);
    most_parts = std::max(most_parts, parts.batches.size());
  }
  EXPECT_GT(shaped_parts, 100u) << "the premise";
  EXPECT_GT(most_parts, 5u) << "the premise";
}

TEST(BatchSplit, KeepsPositionsWhereSequencesAreToStay) {
  const auto batch = testing::batch_of({{"a", "0"}, {"b", "1"}, {"a", "2"}, {"b", "3"}});
  const Split parts = split(*batch, {false, true, false, true}, FrameLimits{}, Positions::kept);
  ASSERT_EQ(parts.batches.size(), 1u);
  EXPECT_EQ(testing::said(*parts.batches[0]), "b=1 b=3 ");
  EXPECT_EQ(parts.batches[0]->entries()[0].position, 1u);
  EXPECT_EQ(parts.batches[0]->entries()[1].position, 3u);
  EXPECT_EQ(parts.batches[0]->keys().size(), 1u) << "a key that no event has is left out";
}

TEST(BatchSplit, CountsWhatIsAloneAboveTheLimit) {
  const auto batch =
      testing::batch_of({{"a", "small"}, {"a", std::string(5000, 'x')}, {"a", "small too"}});
  const Split parts = split(*batch, {true, true, true}, {4096}, Positions::counted);
  EXPECT_EQ(parts.too_large, 1u);
  std::string said;
  for (const auto& part : parts.batches) said += testing::said(*part);
  EXPECT_EQ(said, "a=small a=small too ");
}

// A long event and many that repeat it: far more JSON than bytes.
TEST(BatchSplit, KnowsWhatFitsWhole) {
  BatchBuilder builder(std::size_t{1} << 20, FrameLimits{});
  Shaper shaper(builder);
  const std::string event = R"({"type":"a","n":")" + std::string(10'000, 'x') + "\"}";
  const std::string padded = event + std::string(Slab::kSlack, '\0');
  ASSERT_TRUE(shaper.teach({padded.data(), event.size()}, "a"));
  for (int i = 0; i < 20; ++i) {
    ASSERT_NE(shaper.take(padded.data(), padded.data() + event.size()), nullptr);
    shaper.commit();
  }
  const auto batch = builder.finish();
  const std::size_t json = 20 * event.size();
  ASSERT_GT(json / 8, batch->frame().size()) << "the premise";
  EXPECT_TRUE(fits(*batch, {(json + 7) / 8}));
  EXPECT_FALSE(fits(*batch, {json / 8 - 1}));
  EXPECT_FALSE(fits(*testing::batch_of("a", 10, 1000), {10'000}));
  EXPECT_TRUE(fits(*testing::batch_of("a", 10, 1000), {11'000}));
}

TEST(EventsFrom, AreThoseBehindAPlaceWithTheirSequences) {
  for (const std::uint64_t seed : testing::seeds(100)) {
    SCOPED_TRACE(testing::named(seed));
    testing::Chance chance(seed);
    const auto batch = testing::shaped_events(chance, chance.between(2, 100));
    batch->stamp({7}, {100}, 9);
    const auto whole = events_of(*batch);
    const std::size_t left_out = chance.between(1, whole.size() - 1);
    const auto rest = events_from(*batch, {100 + left_out});
    ASSERT_NE(rest, nullptr);
    EXPECT_EQ(rest->sequence_of(rest->entries().front()), Sequence{100 + left_out});
    const std::vector<std::string> expected(whole.begin() + static_cast<std::ptrdiff_t>(left_out),
                                            whole.end());
    ASSERT_EQ(events_of(*rest), expected);
  }
  EXPECT_EQ(events_from(*testing::stamped(testing::batch_of("a", 3), 1, 1), {4}), nullptr);
}

}  // namespace
}  // namespace xylem
