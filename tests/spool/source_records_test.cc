#include "relay/spool/source_records.h"

#include <gtest/gtest.h>

#include <cstring>

namespace xylem {
namespace {

SegmentReader::Record record_of(const std::vector<std::byte>& bytes) {
  SegmentReader::Record record;
  record.header.kind = RecordKind::sources;
  record.header.length = static_cast<std::uint32_t>(bytes.size());
  record.payload = Slab(bytes.size());
  if (!bytes.empty()) std::memcpy(record.payload.begin(), bytes.data(), bytes.size());
  return record;
}

TEST(SourceRecords, AreReadAsTheyWereWritten) {
  const SourcePlaces written{
      {3, {{30}, 120'000'000}}, {5, {{2}, 180'000'000}}, {UINT64_MAX, {{1}, 120'000'000}}};
  SourcePlaces read;
  read_sources(record_of(write_sources(written)), read);
  EXPECT_EQ(read, written);
}

TEST(SourceRecords, OfNobodyAreEmpty) {
  SourcePlaces read;
  read_sources(record_of(write_sources({})), read);
  EXPECT_TRUE(read.empty());
}

TEST(SourceRecords, OfAnOlderProgramAreAsOldAsTheirSegment) {
  const std::uint64_t pairs[] = {3, 30, 4, 1};
  const std::span<const std::byte> bytes = std::as_bytes(std::span(pairs));
  SegmentReader::Record record = record_of({bytes.begin(), bytes.end()});
  record.header.received_us = 77;
  SourcePlaces read;
  read_sources(record, read);
  EXPECT_EQ(read, (SourcePlaces{{3, {{30}, 77}}, {4, {{1}, 77}}}));
}

TEST(SourceRecords, NeverTakeANumberBack) {
  SourcePlaces sources{{3, {{30}, 7}}};
  read_sources(record_of(write_sources({{3, {{20}, 0}}, {4, {{1}, 0}}})), sources);
  EXPECT_EQ(sources, (SourcePlaces{{3, {{30}, 7}}, {4, {{1}, 0}}}));
  note_source({4}, {7}, 9, sources);
  note_source({4}, {6}, 8, sources);
  EXPECT_EQ(sources.at(4), (SourcePlace{{7}, 9}));
}

TEST(SourceRecords, ForgetThoseHeardOfLongestAgoFirst) {
  SourcePlaces sources;
  for (std::uint64_t id = 1; id <= 20; ++id) {
    note_source({id}, {1}, static_cast<std::int64_t>(100 - id), sources);
  }
  forget_sources(sources, 16, 100, 1000);
  EXPECT_EQ(sources.size(), 14u) << "and an eighth more, so that the next need not wait for it";
  EXPECT_TRUE(sources.contains(1));
  EXPECT_TRUE(sources.contains(14));
  forget_sources(sources, 16, 100, 1000);
  EXPECT_EQ(sources.size(), 14u);
}

TEST(SourceRecords, ForgetThoseSilentForTooLong) {
  SourcePlaces sources{{3, {{30}, 10}}, {4, {{1}, 20}}, {5, {{1}, INT64_MIN}}};
  forget_sources(sources, 16, 115, 100);
  EXPECT_EQ(sources, (SourcePlaces{{4, {{1}, 20}}}));
}

}  // namespace
}  // namespace xylem
