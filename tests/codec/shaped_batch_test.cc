#include "relay/codec/shaped_batch.h"

#include <gtest/gtest.h>

#include <array>

#include "relay/codec/batch_codec.h"
#include "relay/codec/shaped_body.h"
#include "relay/event/routing_key.h"
#include "tests/doubles/batches.h"
#include "tests/doubles/random_events.h"
#include "tests/doubles/scanned_json.h"

namespace xylem {
namespace {

using namespace std::literals;

constexpr auto kShape = "{\"uuid\": \"\x01\", \"n\": \x02, \"type\": \"t-u\"}"sv;
constexpr auto kWhole =
    "\x03\0\0\0\x01\x01"
    "a7"sv;

// One event after the other, all of one shape and key.
std::unique_ptr<Batch> batch_of(std::string_view shape, std::vector<std::string_view> bodies,
                                std::string_view key = "t.u") {
  std::string all;
  std::vector<EventEntry> entries;
  for (const std::string_view body : bodies) {
    entries.push_back({0, static_cast<std::uint32_t>(all.size()),
                       static_cast<std::uint32_t>(body.size()),
                       static_cast<std::uint32_t>(entries.size()), 0, 1});
    all += body;
  }
  return write_batch({std::array{key}, entries, all, std::array{shape}});
}

std::optional<Refusal> checked(const Batch& batch, const SourceLimits& limits = {}) {
  return ShapeCheck(limits).refusal_of(batch);
}

TEST(ShapedBatch, BecomesJson) {
  const auto batch = batch_of(kShape, {kWhole,
                                       "\x02\0\0\0\x02"
                                       "-1"sv,
                                       "\0\0\0\0"sv});
  EXPECT_EQ(checked(*batch), std::nullopt);
  EXPECT_EQ(testing::said(*batch), R"(t.u={"uuid": "a", "n": 7, "type": "t-u"} )"
                                   R"(t.u={"uuid": "a", "n": -1, "type": "t-u"} )"
                                   R"(t.u={"uuid": "a", "n": -1, "type": "t-u"} )");
}

TEST(ShapedBatch, KeepsItsStampWhenItBecomesJson) {
  const auto batch = testing::stamped(batch_of(kShape, {kWhole}), 40, 9);
  const auto json = expand(*batch);
  EXPECT_FALSE(json->is_shaped());
  EXPECT_EQ(json->epoch(), Epoch{9});
  EXPECT_EQ(json->first_sequence(), Sequence{40});
  EXPECT_EQ(json->received_us(), batch->received_us());
}

TEST(ShapedBatch, StaysReplayedWhenItBecomesJson) {
  const auto live = batch_of(kShape, {kWhole});
  const std::array keys{std::string_view("t.u")};
  const std::array shapes{kShape};
  const auto batch = write_batch({keys, live->entries(), live->bodies(), shapes, true});
  EXPECT_TRUE(expand(*batch)->is_replayed());
  EXPECT_TRUE(expand_frame(*batch)->is_replayed());
  EXPECT_FALSE(expand(*live)->is_replayed());
}

TEST(ShapedBatch, IsRefusedForABodyThatIsNotOfItsShape) {
  for (const auto body : {"\x01\0\0\0\x01"
                          "a"sv,  // the first must be whole
                          "\x07\0\0\0\x01\x01\x01"
                          "a71"sv,  // more slots than there are
                          "\x03\0\0\0\x01\x02"
                          "a7"sv,  // cut off
                          "\x03\0\0\0\x01\x01"
                          "a77"sv,  // bytes that belong to nobody
                          "\x03\0\0\0\x01\x80\x80\x80\x01"
                          "a"sv,  // a length that does not end
                          "\x03\0\0\0\x01"sv, "\x03\0\0"sv, ""sv}) {
    const auto batch = batch_of(kShape, {body});
    EXPECT_EQ(checked(*batch), Refusal::malformed_batch) << body.size();
    EXPECT_EQ(expand(*batch), nullptr) << body.size();
  }
}

TEST(ShapedBatch, IsRefusedForAValueThatIsNotOfItsKind) {
  for (const auto body : {"\x03\0\0\0\x01\x01\"7"sv,
                          "\x03\0\0\0\x01\x01"
                          "ax"sv,
                          "\x03\0\0\0\x01\x02"
                          "a1,"sv,
                          "\x03\0\0\0\x01\x00"
                          "a"sv,
                          "\x03\0\0\0\x01\x01\n7"sv,
                          "\x03\0\0\0\x01\x01\xFF"
                          "7"sv}) {
    EXPECT_EQ(checked(*batch_of(kShape, {body})), Refusal::malformed_batch) << body;
  }
}

TEST(ShapedBatch, IsRefusedForAShapeThatIsNoEvent) {
  for (const auto shape :
       {"{\"n\": \x02}"sv, "\x02"sv, "[\x02]"sv, "{\"type\": \"t-u\", \"n\": \x02"sv, ""sv,
        "{\"type\": \"t-u\", \"n\": 1\x02}"sv,  // not the whole of a value
        "{\"type\": \"t-\x01\"}"sv,             // the key would hang on a value
        "{\"type\": \"t-u\", \"\x01\": 1}"sv,   // a name would
        "{\"type\": \"t-u\", \"n\": [\x02\x02]}"sv, " {\"type\": \"t-u\", \"n\": \x02}"sv}) {
    EXPECT_EQ(checked(*batch_of(shape, {kWhole})), Refusal::malformed_batch) << shape;
  }
  EXPECT_EQ(checked(*batch_of(kShape, {kWhole}, "t.other")), Refusal::malformed_batch);
}

TEST(ShapedBatch, MayNameConstants) {
  const auto batch = batch_of("{\"pid\": 12, \"n\": \x02, \"type\": \"t-u\"}"sv, {"\x01\0\0\0\x01"
                                                                                  "3"sv});
  EXPECT_EQ(checked(*batch), std::nullopt);
  EXPECT_EQ(testing::said(*batch), R"(t.u={"pid": 12, "n": 3, "type": "t-u"} )");
}

TEST(ShapedBatch, NamesTheEventsAboveTheLimit) {
  SourceLimits limits;
  limits.event_bytes_max = 37;
  ShapeCheck check(limits);
  EXPECT_EQ(check.refusal_of(*batch_of(kShape, {kWhole,
                                                "\x01\0\0\0\x02"
                                                "ab"sv})),
            std::nullopt);
  EXPECT_TRUE(check.too_large().empty());
  EXPECT_EQ(check.refusal_of(*batch_of(kShape, {kWhole,
                                                "\x01\0\0\0\x03"
                                                "abc"sv,
                                                "\x01\0\0\0\x01"
                                                "a"sv})),
            std::nullopt);
  ASSERT_EQ(check.too_large().size(), 1u);
  EXPECT_EQ(check.too_large()[0].entry, 1u);
  EXPECT_EQ(check.too_large()[0].bytes, 38u);
}

// Two relays in a row may allow events of different sizes; what one writes, the other reads.
TEST(ShapedBatch, NamesTheEventsWhoseShapeAloneIsAboveTheLimit) {
  const std::string large = R"({"type":"t-u",")" + std::string(8000, 'x') + "\":\x02}";
  const auto batch = batch_of(large, {"\x01\0\0\0\x01"
                                      "7"sv});
  for (const std::size_t limit : {std::size_t{1024}, large.size() - 1, large.size()}) {
    ShapeCheck check({.event_bytes_max = limit});
    EXPECT_EQ(check.refusal_of(*batch), std::nullopt) << limit;
    EXPECT_EQ(check.too_large().size(), limit < large.size() ? 1u : 0u);
  }
}

TEST(ShapedBatch, IsRefusedIfItWouldBecomeTooMuch) {
  SourceLimits limits;
  limits.message_bytes_max = 36;
  std::vector<std::string_view> bodies{kWhole};
  bodies.insert(bodies.end(), 7, "\0\0\0\0"sv);
  EXPECT_EQ(checked(*batch_of(kShape, bodies), limits), std::nullopt);
  bodies.push_back("\0\0\0\0"sv);
  EXPECT_EQ(checked(*batch_of(kShape, bodies), limits), Refusal::message_too_large);
}

TEST(ShapedBatch, MayBeAsLargeAsItsEventsAndNoLarger) {
  std::string longest(kShapedBytesMax - 35, 'x');
  const auto body = [&] {
    const std::string slack(Slab::kSlack, '\0');
    const std::string first = longest + slack;
    const std::string second = "7" + slack;
    const char* values[] = {first.data(), second.data()};
    const std::uint16_t lengths[] = {static_cast<std::uint16_t>(longest.size()), 1};
    std::string written(shaped_body_bytes_max(longest.size() + 1) + Slab::kSlack, '\0');
    written.resize(static_cast<std::size_t>(
        write_shaped_body({3, values, lengths}, written.data()) - written.data()));
    return written;
  };
  EXPECT_EQ(checked(*batch_of(kShape, {body()})), std::nullopt);
  EXPECT_NE(expand(*batch_of(kShape, {body()})), nullptr);
  longest += 'x';
  EXPECT_EQ(checked(*batch_of(kShape, {body()})), Refusal::malformed_batch);
  EXPECT_EQ(expand(*batch_of(kShape, {body()})), nullptr);
}

// Bend random batches: what is still taken in is JSON whose every event has the type of its key.
TEST(ShapedBatch, IsEventsWhateverAStrangerMakesOfIt) {
  testing::ScannedJson scanned;
  std::size_t taken = 0;
  std::size_t refused = 0;
  for (const std::uint64_t seed : testing::seeds(4000)) {
    SCOPED_TRACE(testing::named(seed));
    testing::Chance chance(seed);
    const auto good = batch_of(kShape, {kWhole,
                                        "\x02\0\0\0\x02"
                                        "-1"sv,
                                        "\x01\0\0\0\x01"
                                        "b"sv});
    std::vector<std::byte> frame(good->frame().begin(), good->frame().end());
    const auto* end = reinterpret_cast<const std::byte*>(good->bodies().data());
    const auto bodies = static_cast<std::size_t>(end - good->frame().data());
    for (std::size_t n = chance.between(1, 3); n > 0; --n) {
      const std::size_t at = chance.one_in(2) ? bodies + chance.below(good->bodies().size())
                                              : chance.below(frame.size());
      frame[at] = static_cast<std::byte>(chance.one_in(2) ? chance.below(4) : chance.below(256));
    }
    const auto read = read_batch(frame, SourceLimits{});
    if (!read || checked(**read)) {
      ++refused;
      continue;
    }
    ++taken;
    const auto json = expand(**read);
    ASSERT_NE(json, nullptr);
    for (std::size_t i = 0; i < json->size(); ++i) {
      if ((*read)->entries()[i].shape == 0) continue;
      const EventEntry& entry = json->entries()[i];
      const std::string type = scanned(json->body_of(entry));
      ASSERT_TRUE(scanned.accepted() && scanned.event().accepted) << json->body_of(entry);
      ASSERT_TRUE(key_is_of_type(json->key_of(entry), type));
    }
  }
  EXPECT_GT(taken, 100u);
  EXPECT_GT(refused, 100u);
}

}  // namespace
}  // namespace xylem
