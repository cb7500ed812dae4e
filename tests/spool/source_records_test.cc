#include "relay/spool/source_records.h"

#include <gtest/gtest.h>

#include <cstring>

namespace xylem {
namespace {

using Sources = std::map<std::uint64_t, BatchNumber>;

SegmentReader::Record record_of(const std::vector<std::byte>& bytes) {
  SegmentReader::Record record;
  record.header.kind = RecordKind::sources;
  record.header.length = static_cast<std::uint32_t>(bytes.size());
  record.payload = Slab(bytes.size());
  if (!bytes.empty()) std::memcpy(record.payload.begin(), bytes.data(), bytes.size());
  return record;
}

TEST(SourceRecords, AreReadAsTheyWereWritten) {
  const Sources written{{3, {30}}, {UINT64_MAX, {1}}};
  Sources read;
  read_sources(record_of(write_sources(written)), read);
  EXPECT_EQ(read, written);
}

TEST(SourceRecords, OfNobodyAreEmpty) {
  Sources read;
  read_sources(record_of(write_sources({})), read);
  EXPECT_TRUE(read.empty());
}

TEST(SourceRecords, NeverTakeANumberBack) {
  Sources sources{{3, {30}}};
  read_sources(record_of(write_sources({{3, {20}}, {4, {1}}})), sources);
  EXPECT_EQ(sources, (Sources{{3, {30}}, {4, {1}}}));
  RecordHeader batch;
  batch.source = {4};
  batch.batch = {7};
  note_source(batch, sources);
  batch.batch = {6};
  note_source(batch, sources);
  EXPECT_EQ(sources.at(4), BatchNumber{7});
}

}  // namespace
}  // namespace xylem
