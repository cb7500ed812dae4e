// Goal    a log is found as it was left, however it was left; nothing that was written is lost,
//         nothing is deleted, and what is set aside is named.
// Method  a real directory; relays that end, are killed, and files that are torn and damaged.

#include "relay/spool/log_recovery.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "relay/spool/crc32c.h"
#include "tests/doubles/log_on_disk.h"

namespace xylem {
namespace {

class LogRecoveryTest : public ::testing::Test {
 protected:
  RecoveredLog recovered() {
    auto disk = Directory::look(log.folder.path()).value();
    return recover_log(*disk).value();
  }
  testing::LogOnDisk log;
};

TEST_F(LogRecoveryTest, OfNothingIsEmpty) {
  const RecoveredLog found = recovered();
  EXPECT_TRUE(found.segments.empty());
  EXPECT_EQ(found.next_ordinal, 1u);
  EXPECT_EQ(found.newest.value, 0u);
}

TEST_F(LogRecoveryTest, SetsAsideWhatOnlyHasASegmentsName) {
  log.open();
  static_cast<void>(log.append(3));
  log.finish();
  ASSERT_EQ(::mkfifo(log.path(2).c_str(), 0600), 0);
  std::filesystem::create_directory(log.path(3));
  std::filesystem::create_symlink(segment_name(1), log.path(4));
  const RecoveredLog found = recovered();
  ASSERT_EQ(found.segments.size(), 1u);
  EXPECT_EQ(found.next_ordinal, 5u);
  ASSERT_EQ(found.set_aside.size(), 3u);
  for (const RecoveredLog::SetAside& aside : found.set_aside) {
    EXPECT_NE(aside.name.find(".seg.quarantine"), std::string::npos);
    EXPECT_NE(aside.why.find("is no file"), std::string::npos);
  }
  EXPECT_TRUE(std::filesystem::is_fifo(log.path(2) + ".quarantine"));
}

TEST_F(LogRecoveryTest, StopsWhereItIsAskedToAndLosesNothing) {
  log.open();
  log.fill(4);
  const std::string all = log.read();
  log.kill();
  const std::vector<std::string> names = log.names();
  for (int patience = 0; patience < 4; ++patience) {
    auto disk = Directory::look(log.folder.path()).value();
    int asked = 0;
    const auto stopped = recover_log(*disk, [&] { return asked++ == patience; });
    ASSERT_FALSE(stopped);
    EXPECT_EQ(stopped.error().code, ErrorCode::refused);
    EXPECT_EQ(asked, patience + 1);
  }
  EXPECT_EQ(log.names(), names);
  log.open();
  EXPECT_EQ(log.read(), all);
}

TEST_F(LogRecoveryTest, IsAskedToStopWithinASegmentToo) {
  log.options.segment_bytes = 8 << 20;
  log.options.bytes_max = 64 << 20;
  log.open();
  for (int i = 0; i < 500; ++i) ASSERT_EQ(log.append(100), LogWriter::Outcome::written);
  ASSERT_GT(log.size(1), 2u << 20);
  log.kill();
  auto disk = Directory::look(log.folder.path()).value();
  int asked = 0;
  EXPECT_TRUE(recover_log(*disk, [&] { return ++asked == 0; }));
  EXPECT_GT(asked, 4);
}

TEST_F(LogRecoveryTest, FindsWhatARelayLeftThatStopped) {
  log.open();
  static_cast<void>(log.append(3));
  static_cast<void>(log.append(4));
  log.finish();
  const RecoveredLog found = recovered();
  ASSERT_EQ(found.segments.size(), 1u);
  EXPECT_EQ(found.segments[0].first, Sequence{1});
  EXPECT_EQ(found.segments[0].end, Sequence{8});
  EXPECT_EQ(found.segments[0].newest_us, log.now_us);
  EXPECT_EQ(found.next_ordinal, 2u);
  EXPECT_EQ(found.newest_epoch, Epoch{1});
  EXPECT_TRUE(found.set_aside.empty());
}

TEST_F(LogRecoveryTest, FindsWhatARelayLeftThatWasKilled) {
  log.open();
  log.fill(3);
  const std::string before = log.read();
  log.kill();
  log.open();
  EXPECT_EQ(log.read(), before);
  EXPECT_TRUE(log.spool->recovered().set_aside.empty());
  log.kill();
  const RecoveredLog again = recovered();
  EXPECT_EQ(again.segments.back().bytes, log.size(3)) << "it was finished by the one after";
}

TEST_F(LogRecoveryTest, GoesOnInANewEpochWithNumbersOfANewLife) {
  log.open();
  static_cast<void>(log.append(2));
  log.kill();
  log.open();
  static_cast<void>(log.append(3));
  EXPECT_EQ(log.read(), "1:1-2 2:1-3 ");
  const auto reader = log.spool->reader();
  reader->seek({}, {});
  const auto first = reader->next();
  const auto second = reader->next();
  EXPECT_EQ(second->number, first->number.first_of_next_life());
}

TEST_F(LogRecoveryTest, GivesNoNumberAgainOfASegmentThatCannotBeRead) {
  log.open();
  log.fill(3);
  const RecordNumber begun_with = RecordNumber{}.first_of_next_life();
  log.kill();
  for (std::uint64_t ordinal = 1; ordinal <= 3; ++ordinal) log.flip(ordinal, 20);
  log.open();  // a life that writes nothing does not forget it for those that follow
  log.kill();
  log.open();
  static_cast<void>(log.append(1));
  const auto reader = log.spool->reader();
  reader->seek({}, {});
  EXPECT_GE(reader->next()->number, begun_with.first_of_next_life());
}

TEST_F(LogRecoveryTest, GivesNoNumberAgainOfASegmentWithoutASoundRecord) {
  log.open();
  static_cast<void>(log.append(1));
  log.kill();
  for (std::uint64_t at = kSegmentHeaderBytes; at < log.size(1); at += kRecordHeaderBytes / 2) {
    log.flip(1, at);
  }
  log.open();
  static_cast<void>(log.append(1));
  const auto reader = log.spool->reader();
  reader->seek({}, {});
  EXPECT_EQ(reader->next()->number.value, std::uint64_t{2} << 32);
}

TEST_F(LogRecoveryTest, SetsATornEndAsideAndLosesNoWholeRecord) {
  log.open();
  static_cast<void>(log.append(2));
  const std::uint64_t whole = log.size(1);
  static_cast<void>(log.append(5));
  log.kill();
  for (const std::uint64_t cut : {log.size(1) - 1, whole + kRecordHeaderBytes, whole + 1}) {
    log.cut(1, cut);
    const RecoveredLog found = recovered();
    EXPECT_EQ(found.segments[0].end, Sequence{3}) << cut;
    ASSERT_EQ(found.set_aside.size(), 1u) << cut;
    EXPECT_NE(found.set_aside[0].name.find(".torn-"), std::string::npos);
    EXPECT_EQ(std::filesystem::file_size(log.folder.path() + "/" + found.set_aside[0].name),
              cut - whole);
    log.cut(1, whole);
    std::filesystem::resize_file(log.path(1), cut);  // zeros: what a file system may leave
    EXPECT_TRUE(recovered().set_aside.empty()) << "nobody wrote zeros";
    log.cut(1, whole);
    std::ofstream(log.path(1), std::ios::app | std::ios::binary) << std::string(300, 'x');
  }
}

TEST_F(LogRecoveryTest, KeepsAFileThatIsNoSegmentUnderAnotherName) {
  log.open();
  log.fill(3);
  log.kill();
  log.flip(2, 20);
  const RecoveredLog found = recovered();
  EXPECT_EQ(found.segments.size(), 2u);
  ASSERT_EQ(found.set_aside.size(), 1u);
  EXPECT_EQ(found.set_aside[0].name, segment_name(2) + ".quarantine");
  EXPECT_NE(found.set_aside[0].why.find("damaged"), std::string::npos);
  EXPECT_EQ(found.next_ordinal, 4u);
  log.open();
  EXPECT_NE(log.read().find(":1-5 "), std::string::npos) << "the others are read";
}

TEST_F(LogRecoveryTest, GoesOnBehindDamageInTheMiddle) {
  log.options.segment_bytes = 64 << 10;
  log.open();
  static_cast<void>(log.append(2));
  const std::uint64_t second = log.size(1);
  static_cast<void>(log.append(2));
  static_cast<void>(log.append(2));
  log.kill();
  log.flip(1, second + 90);
  log.open();
  EXPECT_EQ(log.read(), "1:1-2 1:5-6 ");
  EXPECT_GT(log.spool->recovered().damaged_bytes, 0u);
  EXPECT_TRUE(log.spool->recovered().set_aside.empty()) << "it stays where it is";
}

TEST_F(LogRecoveryTest, RemembersTheSourcesOfSegmentsBefore) {
  log.open();
  static_cast<void>(log.append(1, {{95}, {10}, false, 0}));
  log.fill(3);
  static_cast<void>(log.append(1, {{96}, {7}, false, 0}));
  log.kill();
  std::filesystem::remove(log.path(1));
  const RecoveredLog found = recovered();
  EXPECT_EQ(found.sources.at(95).newest, BatchNumber{10});
  EXPECT_EQ(found.sources.at(96).newest, BatchNumber{7});
}

TEST_F(LogRecoveryTest, RemembersTheSourcesWhenARelayEndedWhileItBeganASegment) {
  log.open();
  static_cast<void>(log.append(1, {{95}, {10}, false, 0}));
  log.kill();
  std::ofstream(log.path(2)).close();
  EXPECT_EQ(recovered().sources.at(95).newest, BatchNumber{10}) << "a file that is still empty";
  std::vector<std::byte> head(kSegmentHeaderBytes);
  write_segment_header({3, {1}, {2}, 0}, head);
  std::ofstream(log.path(3), std::ios::binary)
      .write(reinterpret_cast<const char*>(head.data()), std::ssize(head));
  EXPECT_EQ(recovered().sources.at(95).newest, BatchNumber{10}) << "a header alone";
}

// Its source was told of nothing, sends the frame again, and all of it is taken again.
TEST_F(LogRecoveryTest, TakesBackThePiecesOfAFrameThatIsNotWhole) {
  log.open();
  static_cast<void>(log.append(1, {{95}, {10}, false, 0}));
  static_cast<void>(log.append(2, {{}, {}, false, 0, true}));
  static_cast<void>(log.append(1));
  log.kill();
  log.open();
  EXPECT_EQ(log.read(), "1:1-1 ");
  EXPECT_EQ(log.spool->recovered().sources.at(95).newest, BatchNumber{10});
  EXPECT_EQ(log.spool->recovered().segments.back().end, Sequence{2});
  static_cast<void>(log.append(2, {{}, {}, false, 0, true}));
  static_cast<void>(log.append(1));
  static_cast<void>(log.append(1, {{95}, {11}, false, 0}));
  log.kill();
  log.open();
  EXPECT_EQ(log.read(), "1:1-1 2:1-2 2:3-3 2:4-4 ");
  EXPECT_EQ(log.spool->recovered().sources.at(95).newest, BatchNumber{11});
}

TEST_F(LogRecoveryTest, RefusesTheLogOfANewerProgram) {
  log.open();
  static_cast<void>(log.append(1));
  log.finish();
  std::vector<std::byte> head(kSegmentHeaderBytes);
  write_segment_header({2, {2}, {1}, 0}, head);
  const std::uint32_t version = 9;
  std::memcpy(head.data() + 8, &version, sizeof version);
  std::memset(head.data() + 12, 0, 4);
  const std::uint32_t crc = crc32c(head);
  std::memcpy(head.data() + 12, &crc, sizeof crc);
  std::ofstream(log.path(2), std::ios::binary)
      .write(reinterpret_cast<const char*>(head.data()), kSegmentHeaderBytes);
  auto disk = Directory::look(log.folder.path()).value();
  const auto refused = recover_log(*disk);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::refused);
  EXPECT_NE(refused.error().message.find("newer xylem (format 9"), std::string::npos);
}

TEST_F(LogRecoveryTest, VerifiesEveryRecord) {
  log.open();
  log.fill(3);
  log.kill();
  log.flip(1, 300);
  auto disk = Directory::look(log.folder.path()).value();
  const auto reports = verify_log(*disk).value();
  ASSERT_EQ(reports.size(), 3u);
  EXPECT_GT(reports[0].damaged_bytes, 0u);
  EXPECT_EQ(reports[1].damaged_bytes, 0u);
  EXPECT_TRUE(reports[1].finished);
  EXPECT_FALSE(reports[2].finished) << "looking changes nothing";
  EXPECT_GT(reports[1].events, 0u);
}

}  // namespace
}  // namespace xylem
