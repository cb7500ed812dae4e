// Goal    a segment gives the records that are sound, in order, and nothing else, however it is
//         damaged; and of one that grows, no more than it may.
// Method  a small segment; every byte of it damaged, and cut off, in turn.

#include "relay/spool/segment_reader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "relay/spool/crc32c.h"
#include "tests/doubles/log_on_disk.h"

namespace xylem {
namespace {

class SegmentReaderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    log.options.segment_bytes = 64 << 10;
    log.open();
    for (const std::size_t events : {3, 1, 2}) static_cast<void>(log.append(events));
    log.finish();
    disk = Directory::look(log.folder.path()).value();
  }
  // "1-3 4-4 5-6 end", in sequences.
  std::string told(std::uint64_t limit = UINT64_MAX) {
    auto reader = SegmentReader::open(*disk, 1);
    if (!reader) return std::string(name_of(reader.error().code));
    std::string text;
    for (;;) {
      const auto record = reader->next(std::min(limit, log.size(1)));
      EXPECT_TRUE(record);
      if (!record || !*record) return text;
      const RecordHeader& header = (*record)->header;
      if (header.kind == RecordKind::sources) continue;
      text += header.kind == RecordKind::end
                  ? "end"
                  : std::to_string(header.first.value) + "-" +
                        std::to_string(header.first.value + header.events - 1) + " ";
    }
  }
  testing::LogOnDisk log;
  std::unique_ptr<Directory> disk;
};

TEST_F(SegmentReaderTest, GivesTheRecordsInOrder) { EXPECT_EQ(told(), "1-3 4-4 5-6 end"); }

TEST_F(SegmentReaderTest, GivesNoneThatReachesBeyondTheLimit) {
  auto reader = SegmentReader::open(*disk, 1).value();
  static_cast<void>(reader.next(log.size(1)));  // sources
  static_cast<void>(reader.next(log.size(1)));  // 1-3
  const std::uint64_t limit = reader.offset();
  EXPECT_EQ(told(limit), "1-3 ");
  EXPECT_EQ(told(limit - 1), "");
  EXPECT_EQ(told(limit + 100), "1-3 ");
}

TEST_F(SegmentReaderTest, GoesOnWhereItWasOnceThereIsMore) {
  auto reader = SegmentReader::open(*disk, 1).value();
  while (reader.next(200).value()) {
  }
  EXPECT_FALSE(reader.next(200).value());
  EXPECT_TRUE(reader.next(log.size(1)).value());
}

TEST_F(SegmentReaderTest, PassesOverARecordThatIsDamagedAnywhere) {
  const std::string whole = told();
  for (std::uint64_t at = kSegmentHeaderBytes; at < log.size(1); ++at) {
    log.flip(1, at);
    const std::string damaged = told();
    log.flip(1, at);
    // A byte that only fills up to the next record is nobody's.
    if (damaged == whole) continue;
    const bool one_less = damaged == "4-4 5-6 end" || damaged == "1-3 5-6 end" ||
                          damaged == "1-3 4-4 end" || damaged == "1-3 4-4 5-6 ";
    EXPECT_TRUE(one_less) << at << ": " << damaged;
  }
}

TEST_F(SegmentReaderTest, CountsWhatItPassesOver) {
  log.flip(1, kSegmentHeaderBytes + kRecordHeaderBytes + 5);
  auto reader = SegmentReader::open(*disk, 1).value();
  while (reader.next(log.size(1)).value()) {
  }
  EXPECT_GT(reader.damaged_bytes(), kRecordHeaderBytes);
}

TEST_F(SegmentReaderTest, GivesWhatIsLeftOfOneThatWasCut) {
  for (std::uint64_t to = log.size(1); to-- > 0;) {
    log.cut(1, to);
    const std::string left = told();
    const bool prefix = std::string("1-3 4-4 5-6 ").starts_with(left);
    EXPECT_TRUE(prefix || left == "malformed") << to << ": " << left;
  }
}

TEST_F(SegmentReaderTest, IsMalformedWithADamagedHead) {
  log.flip(1, 30);
  EXPECT_EQ(told(), "malformed");
}

TEST_F(SegmentReaderTest, ReadsNoSegmentOfANewerProgram) {
  std::vector<std::byte> head(kSegmentHeaderBytes);
  write_segment_header({1, {7}, {1}, 0}, head);
  const std::uint32_t version = kSegmentVersion + 1;
  std::memcpy(head.data() + 8, &version, sizeof version);
  // Its checksum is sound: that is how a newer program is told from damage.
  const std::uint32_t none = 0;
  std::memcpy(head.data() + 12, &none, sizeof none);
  const std::uint32_t crc = crc32c(head);
  std::memcpy(head.data() + 12, &crc, sizeof crc);
  const auto read = read_segment_header(head);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::refused);
  EXPECT_NE(read.error().message.find("newer xylem"), std::string::npos);
}

}  // namespace
}  // namespace xylem
