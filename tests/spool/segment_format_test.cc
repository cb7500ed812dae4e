// Goal    the bytes are those that docs/spool.md draws, and no damage to them goes unnoticed.
// Method  what is written is read back; then every single bit of it is turned over.

#include "relay/spool/segment_format.h"

#include <gtest/gtest.h>

#include <array>

#include "tests/doubles/bytes.h"

namespace xylem {
namespace {

using testing::Bytes;
using testing::peek;
using testing::poke;

constexpr SegmentHeader kSegment{3, {1'700'000'000'000'000}, {41}, 1'700'000'000'500'000};

Bytes segment_bytes() {
  Bytes bytes(kSegmentHeaderBytes);
  write_segment_header(kSegment, bytes);
  return bytes;
}

TEST(SegmentHeader, IsReadAsItWasWritten) {
  const SegmentHeader read = read_segment_header(segment_bytes()).value();
  EXPECT_EQ(read.ordinal, 3u);
  EXPECT_EQ(read.epoch, kSegment.epoch);
  EXPECT_EQ(read.first, kSegment.first);
  EXPECT_EQ(read.created_us, kSegment.created_us);
}

TEST(SegmentHeader, IsMalformedWithAnyBitTurnedOver) {
  for (std::size_t bit = 0; bit < kSegmentHeaderBytes * 8; ++bit) {
    Bytes bytes = segment_bytes();
    bytes[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
    const auto read = read_segment_header(bytes);
    ASSERT_FALSE(read) << "bit " << bit;
    EXPECT_EQ(read.error().code, ErrorCode::malformed);
  }
  EXPECT_EQ(read_segment_header(Bytes(20)).error().code, ErrorCode::malformed);
}

RecordHeader record_of(std::size_t length) {
  RecordHeader header;
  header.length = static_cast<std::uint32_t>(length);
  header.number = {(std::uint64_t{2} << 32) + 5};
  header.first = {41};
  header.events = 7;
  header.received_us = -3;
  header.source = {95};
  header.batch = {8};
  header.age_ms = 4001;
  return header;
}

TEST(RecordHeader, IsReadAsItWasWritten) {
  const Bytes payload = testing::bytes_of("payload");
  std::array<std::byte, kRecordHeaderBytes> bytes{};
  write_record_header(record_of(payload.size()), payload, seed_of(kSegment), bytes);
  const RecordHeader read = read_record_header(bytes).value();
  EXPECT_EQ(read.kind, RecordKind::batch);
  EXPECT_EQ(read.length, payload.size());
  EXPECT_EQ(read.number, record_of(0).number);
  EXPECT_EQ(read.first, Sequence{41});
  EXPECT_EQ(read.events, 7u);
  EXPECT_EQ(read.received_us, -3);
  EXPECT_EQ(read.source, SourceId{95});
  EXPECT_EQ(read.batch, BatchNumber{8});
  EXPECT_EQ(read.age_ms, 4001u);
  EXPECT_TRUE(record_is_sound(bytes, payload, seed_of(kSegment)));
}

TEST(RecordHeader, HoldsForItsOwnSegmentOnly) {
  const Bytes payload = testing::bytes_of("payload");
  std::array<std::byte, kRecordHeaderBytes> bytes{};
  write_record_header(record_of(payload.size()), payload, seed_of(kSegment), bytes);
  SegmentHeader other = kSegment;
  ++other.ordinal;
  EXPECT_FALSE(record_is_sound(bytes, payload, seed_of(other)));
}

TEST(RecordHeader, DoesNotHoldWithAnyBitTurnedOver) {
  Bytes payload = testing::bytes_of("payload");
  Bytes bytes(kRecordHeaderBytes);
  write_record_header(record_of(payload.size()), payload, seed_of(kSegment), bytes);
  const auto sound = [&] {
    return read_record_header(bytes) && record_is_sound(bytes, payload, seed_of(kSegment));
  };
  ASSERT_TRUE(sound());
  for (Bytes* part : {&bytes, &payload}) {
    for (std::size_t bit = 0; bit < part->size() * 8; ++bit) {
      (*part)[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
      ASSERT_FALSE(sound()) << "bit " << bit;
      (*part)[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
    }
  }
}

TEST(RecordHeader, OfNothingWrittenIsNone) {
  EXPECT_FALSE(read_record_header(Bytes(kRecordHeaderBytes)));
  EXPECT_FALSE(read_record_header(Bytes(3)));
}

TEST(SegmentName, SortsAsItsOrdinalDoes) {
  EXPECT_EQ(segment_name(42), "000000000042.seg");
  EXPECT_EQ(segment_ordinal("000000000042.seg"), 42u);
  EXPECT_FALSE(segment_ordinal("000000000042.seg.quarantine"));
  EXPECT_FALSE(segment_ordinal("42.seg"));
  EXPECT_FALSE(segment_ordinal("00000000004x.seg"));
  EXPECT_FALSE(segment_ordinal("lock"));
}

TEST(RecordNumber, OfTheNextLifeIsBeyondAllThatThisOneCouldGive) {
  EXPECT_EQ(RecordNumber{0}.first_of_next_life().value, std::uint64_t{1} << 32);
  EXPECT_EQ(RecordNumber{(std::uint64_t{1} << 32) + 99}.first_of_next_life().value,
            std::uint64_t{2} << 32);
}

}  // namespace
}  // namespace xylem
