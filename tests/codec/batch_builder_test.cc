#include "relay/codec/batch_builder.h"

#include <gtest/gtest.h>

#include <cstring>

#include "relay/codec/shaped_body.h"
#include "tests/doubles/batches.h"
#include "tests/doubles/chance.h"

namespace xylem {
namespace {

class BatchBuilderTest : public ::testing::Test {
 protected:
  void place(std::string_view text) {
    std::memcpy(builder.place(text.size()), text.data(), text.size());
  }
  void event(std::string_view key, std::string_view body) {
    place(body);
    builder.add(key, body.size(), 0);
  }
  std::string finished() { return testing::said(*builder.finish()); }

  BatchBuilder builder{1000, {8192}};
};

TEST_F(BatchBuilderTest, KeepsEventsInOrderUnderTheirKeys) {
  event("a", "1");
  event("b", "2");
  event("a", "3");
  EXPECT_EQ(finished(), "a=1 b=2 a=3 ");
}

TEST_F(BatchBuilderTest, NamesEachKeyOnceAndCountsItsEvents) {
  event("a", "1");
  event("b", "2");
  event("a", "3");
  const auto batch = builder.finish();
  ASSERT_EQ(batch->keys().size(), 2u);
  EXPECT_EQ(batch->keys()[0].text, "a");
  EXPECT_EQ(batch->keys()[0].events, 2u);
  EXPECT_EQ(batch->keys()[1].text, "b");
  EXPECT_EQ(batch->keys()[1].events, 1u);
}

TEST_F(BatchBuilderTest, MarksOneBatchAsReplayed) {
  event("a", "1");
  builder.mark_replayed();
  EXPECT_TRUE(builder.finish()->is_replayed());
  event("a", "2");
  EXPECT_FALSE(builder.finish()->is_replayed());
}

TEST_F(BatchBuilderTest, GoesBackToAMark) {
  event("a", "1");
  static_cast<void>(builder.add_shape("{\x02}"));
  const auto mark = builder.mark();
  event("b", "2");
  EXPECT_EQ(builder.add_shape("[\x02]"), 1);
  builder.rewind(mark);
  EXPECT_EQ(builder.bytes(), 1u + 3u) << "bodies and shapes";
  event("a", "3");
  EXPECT_EQ(finished(), "a=1 a=3 ");
}

TEST_F(BatchBuilderTest, HasNoKeyOfWhatWasTakenBack) {
  testing::Chance chance(7);
  for (int round = 0; round < 20; ++round) {
    std::string expected;
    std::size_t kept = 0;
    for (int step = 0; step < 40; ++step) {
      const auto mark = builder.mark();
      const bool keep = chance.one_in(3);
      for (std::size_t left = chance.between(1, 30); left > 0; --left) {
        const std::string key = "k" + std::to_string(chance.below(2 * kEventsPerBatchMax));
        if (!builder.has_room(1)) break;
        event(key, "1");
        if (keep) expected += key + "=1 ";
      }
      if (!keep) builder.rewind(mark);
    }
    if (builder.empty()) continue;
    const auto batch = builder.finish();
    EXPECT_EQ(testing::said(*batch), expected);
    for (const BatchKey& key : batch->keys()) {
      ASSERT_NE(key.events, 0u) << key.text;
      ++kept;
    }
    EXPECT_GT(kept, 1u) << "the premise";
  }
}

TEST_F(BatchBuilderTest, IsFullOnceReadersHaveToHoldMuch) {
  const std::uint16_t a = builder.key_index("a");
  builder.add_shaped(a, 4, 0, static_cast<std::uint16_t>(builder.add_shape("x") + 1), 3999);
  EXPECT_FALSE(builder.full());
  builder.add_shaped(a, 4, 0, 1, 1);
  EXPECT_TRUE(builder.full());
}

TEST_F(BatchBuilderTest, WritesItsShapes) {
  event("a", "1");
  EXPECT_EQ(builder.add_shape("{\x01}"), 0);
  EXPECT_EQ(builder.add_shape("{\x02}"), 1);
  builder.add_shaped(builder.key_index("b"), 0, 0, 2, 10);
  const auto batch = builder.finish();
  ASSERT_EQ(batch->shapes().size(), 2u);
  EXPECT_EQ(batch->shapes()[1].text, "{\x02}");
  EXPECT_EQ(batch->keys()[batch->shapes()[1].key].text, "b");
  event("a", "1");
  EXPECT_FALSE(builder.finish()->is_shaped()) << "a shape belongs to one batch";
}

TEST_F(BatchBuilderTest, UsesThePlaceOfATextThatWasNotKeptAgain) {
  event("a", "kept");
  place("refused");
  event("b", "next");
  EXPECT_EQ(finished(), "a=kept b=next ");
}

TEST_F(BatchBuilderTest, BeginsAnewAfterEachBatch) {
  event("a", "1");
  event("b", "2");
  EXPECT_EQ(finished(), "a=1 b=2 ");
  EXPECT_TRUE(builder.empty());
  EXPECT_EQ(builder.bytes(), 0u);
  event("b", "3");
  event("a", "4");
  EXPECT_EQ(finished(), "b=3 a=4 ");
}

TEST_F(BatchBuilderTest, IsFullAtItsBytesAndTakesOneMoreTextBefore) {
  for (int i = 0; i < 9; ++i) event("a", std::string(110 - 10, 'x'));
  event("a", std::string(99, 'x'));
  EXPECT_FALSE(builder.full()) << builder.bytes();
  event("a", std::string(100, 'y'));
  EXPECT_TRUE(builder.full());
  EXPECT_EQ(builder.bytes(), 1099u);
  EXPECT_EQ(builder.finish()->bodies().substr(999), std::string(100, 'y'));
  EXPECT_FALSE(builder.full());
}

TEST(BatchBuilder, IsFullAtHalfOfTheEventsSoThatAListStillFits) {
  BatchBuilder builder(1000, FrameLimits{});
  for (std::size_t i = 0; i + 1 < kEventsPerBatchMax / 2; ++i) builder.add("a", 0, 0);
  EXPECT_FALSE(builder.full());
  for (std::size_t i = 0; i < kEventsPerListMax; ++i) builder.add("a", 0, 0);
  EXPECT_TRUE(builder.full());
  EXPECT_EQ(builder.finish()->size(), kEventsPerBatchMax / 2 - 1 + kEventsPerListMax);
}

TEST(BatchBuilder, TellsThousandsOfKeysApart) {
  BatchBuilder builder(1 << 20, FrameLimits{});
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 4000; ++i) builder.add("key." + std::to_string(i % 2000), 0, i);
    const auto batch = builder.finish();
    ASSERT_EQ(batch->keys().size(), 2000u);
    for (int i = 0; i < 4000; ++i) {
      ASSERT_EQ(batch->key_of(batch->entries()[static_cast<std::size_t>(i)]),
                "key." + std::to_string(i % 2000));
    }
  }
}

TEST(BatchBuilder, KeepsWhatRandomRunsOfEventsSay) {
  for (const std::uint64_t seed : testing::seeds(50)) {
    SCOPED_TRACE(testing::named(seed));
    testing::Chance chance(seed);
    std::vector<testing::Said> events;
    std::string expected;
    for (std::size_t n = chance.between(1, 300); n > 0; --n) {
      const std::string key = "k" + std::to_string(chance.below(7));
      const std::string body(chance.below(50), static_cast<char>('a' + chance.below(26)));
      events.push_back({key, body});
      expected.append(key).append("=").append(body).append(" ");
    }
    ASSERT_EQ(testing::said(*testing::batch_of(events)), expected);
  }
}

// The largest event, under the longest keys, in shapes that are all new: what it has room for stays
// within the frame.
TEST(BatchBuilder, NeverGrowsBeyondTheLargestFrame) {
  for (const std::size_t frame_bytes_max : {4096u, 20'000u, 100'000u}) {
    const std::size_t event_bytes = (frame_bytes_max - kFrameBytesBesideAnEvent) / 4;
    BatchBuilder builder(frame_bytes_max, {frame_bytes_max});
    ASSERT_TRUE(builder.has_room(frame_bytes_max - kFrameBytesBesideAnEvent));
    int events = 0;
    for (; builder.has_room(event_bytes); ++events) {
      const std::string key = "k" + std::to_string(events) + std::string(240, 'x');
      const std::size_t body = shaped_body_bytes_max(event_bytes / 2);
      const auto shape = builder.add_shape(std::string(event_bytes / 2 + kSlotsMax, 's'));
      std::memset(builder.place(body), 'b', body);
      builder.add_shaped(builder.key_index(key), body, 0, static_cast<std::uint16_t>(shape + 1),
                         event_bytes);
    }
    EXPECT_GE(events, 3);
    EXPECT_LE(builder.finish()->frame().size(), frame_bytes_max);
  }
}

TEST(BatchBuilder, HasRoomForSoManyEventsAndShapes) {
  BatchBuilder builder(1 << 20, FrameLimits{});
  for (std::size_t i = 0; i < kEventsPerBatchMax; ++i) {
    ASSERT_TRUE(builder.has_room(0)) << i;
    builder.add("a", 0, 0);
  }
  EXPECT_FALSE(builder.has_room(0));
  static_cast<void>(builder.finish());
  for (std::size_t i = 0; i < kShapesPerBatchMax; ++i) {
    ASSERT_TRUE(builder.has_room(0)) << i;
    static_cast<void>(builder.add_shape("{\x02}"));
  }
  EXPECT_FALSE(builder.has_room(0));
}

TEST(BatchBuilder, HasNoRoomForMoreJsonThanAReaderTakes) {
  BatchBuilder builder(1 << 20, {4096});
  const std::uint16_t key = builder.key_index("a");
  for (int i = 0; i < 8; ++i) {
    ASSERT_TRUE(builder.has_room(1024));
    builder.add_shaped(key, 4, 0, 1, 4000);
  }
  EXPECT_TRUE(builder.has_room(768));
  EXPECT_FALSE(builder.has_room(769));
}

TEST(BatchBuilderDeathTest, AbortsOnABodyThatItHasNoRoomFor) {
  BatchBuilder builder(1000, {2000});
  EXPECT_DEATH(static_cast<void>(builder.place(2001)), "room for a body");
}

TEST(BatchBuilderDeathTest, AbortsWhenNothingIsToBeSent) {
  BatchBuilder builder(1000, {2000});
  EXPECT_DEATH(static_cast<void>(builder.finish()), "an empty batch");
}

}  // namespace
}  // namespace xylem
