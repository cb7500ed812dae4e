#include "relay/codec/shaper.h"

#include <gtest/gtest.h>

#include "relay/codec/batch_codec.h"
#include "relay/codec/shaped_batch.h"
#include "relay/event/routing_key.h"
#include "tests/doubles/batches.h"
#include "tests/doubles/random_events.h"
#include "tests/doubles/scanned_json.h"

namespace xylem {
namespace {

class ShaperTest : public ::testing::Test {
 protected:
  std::string padded(const std::string& text) { return text + std::string(Slab::kSlack, '\0'); }
  bool take(const std::string& text) {
    const std::string message = padded(text);
    const Shaper::Taken* taken = shaper.take(message.data(), message.data() + text.size());
    const bool whole = taken != nullptr && taken->end == message.data() + text.size();
    whole ? shaper.commit() : shaper.rollback();
    return whole;
  }
  bool teach(const std::string& text, std::string_view key) {
    const std::string message = padded(text);
    return shaper.teach({message.data(), text.size()}, key);
  }
  BatchBuilder builder{1 << 20, {2 << 20}};
  Shaper shaper{builder};
};

constexpr const char* kFirst = R"({"uuid": "one", "clock": 1, "type": "t"})";
constexpr const char* kSecond = R"({"uuid": "second", "clock": 1, "type": "t"})";

TEST_F(ShaperTest, TakesOnlyWhatItWasTaught) {
  EXPECT_FALSE(take(kFirst));
  ASSERT_TRUE(teach(kFirst, "t"));
  EXPECT_TRUE(take(kSecond));
  EXPECT_FALSE(take(R"({"uuid": "one", "clock": 1, "type": "u"})")) << "the type is the shape's";
  EXPECT_FALSE(take(R"({"uuid": "one","clock": 1, "type": "t"})")) << "spaces are the shape's";
  EXPECT_FALSE(take(R"({"uuid": "one", "clock": 01, "type": "t"})")) << "no JSON";
  EXPECT_FALSE(take("{\"uuid\": \"o\n\", \"clock\": 1, \"type\": \"t\"}")) << "no JSON";
  EXPECT_FALSE(take(R"({"uuid": "one", "clock": "1", "type": "t"})")) << "a kind is the shape's";
  EXPECT_FALSE(take(R"({"uuid": "one", "clock": 1, "type": "t")")) << "cut off";
  EXPECT_EQ(testing::said(*builder.finish()), std::string("t=") + kSecond + " ");
}

TEST_F(ShaperTest, KeepsOnlyWhatDiffers) {
  ASSERT_TRUE(teach(kFirst, "t"));
  ASSERT_TRUE(take(kFirst));
  ASSERT_TRUE(take(kSecond));
  ASSERT_TRUE(take(kSecond));
  const auto batch = builder.finish();
  ASSERT_EQ(batch->shapes().size(), 1u);
  EXPECT_EQ(batch->body_of(batch->entries()[0]), std::string("\x03\0\0\0\x03\x01one1", 10));
  EXPECT_EQ(batch->body_of(batch->entries()[1]), std::string("\x01\0\0\0\x06second", 11));
  EXPECT_EQ(batch->body_of(batch->entries()[2]), std::string("\0\0\0\0", 4));
  EXPECT_EQ(testing::said(*batch),
            std::string("t=") + kFirst + " t=" + kSecond + " t=" + kSecond + " ");
}

TEST_F(ShaperTest, BeginsEachBatchWithWholeEvents) {
  ASSERT_TRUE(teach(kFirst, "t"));
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(take(kSecond));
    EXPECT_EQ(testing::said(*builder.finish()), std::string("t=") + kSecond + " ");
  }
}

TEST_F(ShaperTest, TellsTheTimeOfEachEvent) {
  ASSERT_TRUE(teach(R"({"timestamp": 1.5, "n": 1, "type": "t"})", "t"));
  ASSERT_TRUE(take(R"({"timestamp": 1.5, "n": 2, "type": "t"})"));
  ASSERT_TRUE(take(R"({"timestamp": 2.5, "n": 2, "type": "t"})"));
  ASSERT_TRUE(take(R"({"timestamp": null, "n": 2, "type": "t"})"));
  const auto batch = builder.finish();
  EXPECT_EQ(batch->entries()[0].timestamp_us, 1'500'000);
  EXPECT_EQ(batch->entries()[1].timestamp_us, 2'500'000);
  EXPECT_EQ(batch->entries()[2].timestamp_us, 0);
}

TEST_F(ShaperTest, ForgetsAMessageThatIsTakenBack) {
  ASSERT_TRUE(teach(kFirst, "t"));
  for (const bool begun : {false, true}) {
    if (begun) {
      ASSERT_TRUE(take(kFirst));
    }
    const std::string message = padded(kSecond);
    const char* end = message.data() + std::string_view(kSecond).size();
    ASSERT_NE(shaper.take(message.data(), end), nullptr);
    ASSERT_NE(shaper.take(message.data(), end), nullptr);
    shaper.rollback();
    EXPECT_EQ(builder.empty(), !begun);
  }
  ASSERT_TRUE(take(kSecond));
  EXPECT_EQ(testing::said(*builder.finish()), std::string("t=") + kFirst + " t=" + kSecond + " ");
}

TEST_F(ShaperTest, LearnsLessOfThoseThatAreAllDifferent) {
  int learned = 0;
  for (int i = 0; i < 2000; ++i) {
    const std::string number = std::to_string(i);
    learned += teach("{\"f" + number + "\":1,\"type\":\"t\"}", "t");
  }
  EXPECT_GE(learned, 256);
  EXPECT_LE(learned, 256 + 2000 / 64);
}

// Whatever comes: what is taken comes out byte for byte, in order, through a frame, thinned or
// whole; and a text that was found right by its shape is right for the parser too.
TEST_F(ShaperTest, GivesBackEveryByteOfRandomEvents) {
  testing::ScannedJson scanned;
  std::size_t shaped = 0;
  for (const std::uint64_t seed : testing::seeds(300)) {
    SCOPED_TRACE(testing::named(seed));
    testing::Chance chance(seed);
    testing::RandomEvents events(chance);
    std::string all;
    std::string some;
    for (std::size_t n = chance.between(1, 60); n > 0; --n) {
      std::string text = events.next();
      if (chance.one_in(10)) text[chance.below(text.size())] = static_cast<char>(chance.below(256));
      const std::string type = scanned(text);
      const bool right = scanned.accepted() && !scanned.scan().is_list &&
                         scanned.event().accepted && scanned.body() == text;
      const bool taken = take(text);
      if (taken) {
        ASSERT_TRUE(right) << text << " is " << type;
      }
      if (!right) continue;
      if (!taken && (!teach(text, key_of_type(type)) || !take(text))) continue;
      ++shaped;
      all.append(key_of_type(type)).append("=").append(text).append(" ");
      if (type.back() % 2 == 0) some.append(key_of_type(type)).append("=").append(text).append(" ");
    }
    if (builder.empty()) continue;
    const auto batch = builder.finish();
    ASSERT_EQ(testing::said(*batch), all);
    const auto read = read_batch(batch->frame(), SourceLimits{});
    ASSERT_TRUE(read);
    ASSERT_EQ(ShapeCheck(SourceLimits{}).refusal_of(**read), std::nullopt);
    ASSERT_EQ(testing::said(**read), all);
    std::vector<bool> wanted;
    for (const BatchKey& key : batch->keys()) wanted.push_back(key.text.back() % 2 == 0);
    ASSERT_EQ(testing::said(*gather(**read, wanted)), some);
  }
  EXPECT_GT(shaped, 3000u) << "the test must test something";
}

}  // namespace
}  // namespace xylem
