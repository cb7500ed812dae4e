// Goal    what was said to be written or synced can be read, whatever the disk did; a quota lets go
//         of what nobody needs, then does what its policy says, and counts it.
// Method  a disk in memory that fails on command.

#include "relay/spool/log_writer.h"

#include <gtest/gtest.h>

#include "relay/spool/spool.h"
#include "tests/doubles/batches.h"
#include "tests/doubles/simulated_disk.h"

namespace xylem {
namespace {

using Outcome = LogWriter::Outcome;
using testing::SimulatedDisk;

class LogWriterTest : public ::testing::Test {
 protected:
  void open() {
    spool = Spool::open(disk.mount(), options).value();
    epoch = {spool->recovered().newest_epoch.value + 1};
    next = 1;
    writer.emplace(options, spool->disk(), spool->catalog(), spool->recovered(), RecordNumber{});
  }
  void kill() {
    writer.reset();
    spool.reset();
  }
  BatchRef made(std::size_t events) {
    auto batch = testing::batch_of("task.sent", events, 40);
    batch->stamp(epoch, {next}, now_us);
    next += events;
    return BatchRef(std::move(batch));
  }
  Outcome append(std::size_t events) { return offer(made(events)); }
  Outcome offer(const BatchRef& batch) { return writer->append({&batch, 1}, now_us); }
  // Every sequence that can be read, epochs told apart by a bar: "1-5 6-9 | 1-2 ".
  std::string read() {
    const auto reader = spool->reader();
    reader->seek({}, {});
    std::string told;
    Epoch last;
    while (const BatchRef batch = reader->read()) {
      if (batch->epoch() != last && last.value != 0) told += "| ";
      last = batch->epoch();
      told += std::to_string(batch->first_sequence().value) + "-" +
              std::to_string(batch->first_sequence().value + batch->size() - 1) + " ";
    }
    return told;
  }
  std::string read_after_power_loss() {
    kill();
    disk.lose_power();
    open();
    return read();
  }
  void need(std::uint64_t sequence) {
    spool->catalog().need({{epoch, {sequence}}, {epoch, {sequence}}});
  }
  std::size_t segments() { return spool->catalog().segments().size(); }

  SimulatedDisk disk{1};
  LogWriter::Options options{.bytes_max = 64 << 10,
                             .segment_bytes = 4 << 10,
                             .age_max = std::chrono::hours(1),
                             .overflow = SpoolOverflow::drop_oldest};
  std::unique_ptr<Spool> spool;
  std::optional<LogWriter> writer;
  Epoch epoch;
  std::uint64_t next = 1;
  std::int64_t now_us = 1'000'000;
};

TEST_F(LogWriterTest, WritesAGroupAtATime) {
  open();
  const std::vector<BatchRef> group{made(3), made(1), made(2)};
  EXPECT_EQ(writer->append(group, now_us), Outcome::written);
  EXPECT_EQ(read(), "1-3 4-4 5-6 ");
  EXPECT_EQ(writer->figures().batches, 3u);
  EXPECT_EQ(writer->figures().events, 6u);
}

TEST_F(LogWriterTest, KeepsThroughAKillWhatItWrote) {
  open();
  static_cast<void>(append(3));
  kill();
  open();
  EXPECT_EQ(read(), "1-3 ");
}

TEST_F(LogWriterTest, KeepsThroughALossOfPowerWhatItSynced) {
  disk.faults().write_back_one_in = 0;
  open();
  static_cast<void>(append(3));
  ASSERT_TRUE(writer->sync());
  static_cast<void>(append(4));
  const std::string kept = read_after_power_loss();
  EXPECT_TRUE(kept == "1-3 " || kept == "1-3 4-7 ") << kept;
}

TEST_F(LogWriterTest, BeginsAnotherSegmentWhenOneIsFull) {
  open();
  while (segments() < 4) ASSERT_EQ(append(5), Outcome::written);
  for (const SegmentFacts& segment : spool->catalog().segments()) {
    EXPECT_LE(segment.bytes, options.segment_bytes);
  }
  const std::string before = read();
  kill();
  open();
  EXPECT_EQ(read(), before);
}

TEST_F(LogWriterTest, TakesABatchThatIsLargerThanASegment) {
  open();
  EXPECT_EQ(append(100), Outcome::written);
  EXPECT_EQ(append(1), Outcome::written);
  EXPECT_EQ(read(), "1-100 101-101 ");
}

TEST_F(LogWriterTest, LetsGoFirstOfWhatNobodyNeeds) {
  open();
  for (int i = 0; i < 400; ++i) ASSERT_EQ(append(5), Outcome::written);
  EXPECT_LE(writer->total_bytes(), options.bytes_max);
  EXPECT_GT(writer->figures().segments_removed, 0u);
  EXPECT_EQ(spool->catalog().account().dropped, 0u);
}

TEST_F(LogWriterTest, LetsGoOfTheOldestThatIsNeededAndCountsIt) {
  open();
  static_cast<void>(append(5));
  need(1);
  for (int i = 0; i < 400; ++i) ASSERT_EQ(append(5), Outcome::written);
  const LogCatalog::Account account = spool->catalog().account();
  EXPECT_GT(account.dropped, 0u);
  EXPECT_EQ(account.passed, account.unread + account.dropped);
  EXPECT_LE(writer->total_bytes(), options.bytes_max);
}

TEST_F(LogWriterTest, DropsTheNewestWithThatPolicyAndCountsIt) {
  options.overflow = SpoolOverflow::drop_newest;
  open();
  static_cast<void>(append(5));
  need(1);
  int dropped = 0;
  for (int i = 0; i < 400; ++i) dropped += append(5) == Outcome::dropped;
  EXPECT_GT(dropped, 0);
  const LogCatalog::Account account = spool->catalog().account();
  EXPECT_EQ(account.dropped, 5u * static_cast<unsigned>(dropped));
  EXPECT_EQ(account.passed, account.unread + account.dropped);
  EXPECT_TRUE(read().starts_with("1-5 ")) << "the oldest stay";
}

TEST_F(LogWriterTest, WaitsWithThatPolicyUntilTheConsumerHasMovedOn) {
  options.overflow = SpoolOverflow::block;
  open();
  static_cast<void>(append(5));
  need(1);
  Outcome outcome = Outcome::written;
  BatchRef batch;
  while (outcome == Outcome::written) outcome = offer(batch = made(5));
  ASSERT_EQ(outcome, Outcome::full);
  EXPECT_EQ(offer(batch), Outcome::full);
  need(batch->first_sequence().value);
  EXPECT_EQ(offer(batch), Outcome::written);
}

TEST_F(LogWriterTest, LetsGoOfWhatIsTooOld) {
  open();
  while (segments() < 3) static_cast<void>(append(5));
  now_us += std::int64_t{3'600} * 1'000'000;
  static_cast<void>(append(5));
  writer->trim(now_us + 1);
  EXPECT_EQ(segments(), 1u) << "the one that is being written stays";
}

TEST_F(LogWriterTest, TriesTheSameAgainWhereAWriteFailed) {
  open();
  static_cast<void>(append(2));
  const BatchRef batch = made(3);
  disk.fail_write_after(70);
  EXPECT_EQ(offer(batch), Outcome::failed);
  EXPECT_FALSE(writer->error().message.empty());
  EXPECT_EQ(read(), "1-2 ") << "half a record is none";
  EXPECT_EQ(offer(batch), Outcome::written);
  EXPECT_EQ(read(), "1-2 3-5 ");
  EXPECT_EQ(writer->figures().write_failures, 1u);
}

TEST_F(LogWriterTest, SetsHalfARecordAsideAfterAKill) {
  open();
  static_cast<void>(append(2));
  disk.fail_write_after(70);
  EXPECT_EQ(append(3), Outcome::failed);
  kill();
  open();
  EXPECT_EQ(spool->recovered().set_aside.size(), 1u);
  EXPECT_EQ(read(), "1-2 ");
}

TEST_F(LogWriterTest, WritesAnewToAnotherSegmentWhatAFailedSyncMayHaveLost) {
  disk.faults().write_back_one_in = 0;
  open();
  static_cast<void>(append(2));
  ASSERT_TRUE(writer->sync());
  static_cast<void>(append(3));
  static_cast<void>(append(1));
  disk.fail_syncs(1);
  EXPECT_TRUE(writer->sync()) << "the second attempt, elsewhere, holds";
  EXPECT_EQ(writer->figures().sync_failures, 1u);
  EXPECT_EQ(segments(), 2u);
  EXPECT_EQ(read(), "1-2 3-5 6-6 ");
  static_cast<void>(append(4));
  ASSERT_TRUE(writer->sync());
  EXPECT_EQ(read_after_power_loss(), "1-2 3-5 6-6 7-10 ");
}

TEST_F(LogWriterTest, TakesNothingWhileItCannotSync) {
  open();
  static_cast<void>(append(2));
  disk.fail_syncs(5);
  EXPECT_FALSE(writer->sync());
  const BatchRef batch = made(1);
  EXPECT_EQ(offer(batch), Outcome::failed);
  for (int tries = 0; !writer->sync(); ++tries) ASSERT_LT(tries, 10);
  EXPECT_EQ(offer(batch), Outcome::written);
  ASSERT_TRUE(writer->sync());
  EXPECT_LE(segments(), 2u) << "attempts that came to nothing leave nothing";
  EXPECT_EQ(read_after_power_loss(), "1-2 3-3 ");
}

TEST_F(LogWriterTest, MakesRoomOnAFullDiskOfWhatNobodyNeeds) {
  open();
  while (segments() < 4) static_cast<void>(append(5));
  disk.faults().capacity_bytes = disk.used_bytes();
  const std::size_t before = segments();
  for (int i = 0; i < 60; ++i) ASSERT_EQ(append(5), Outcome::written);
  EXPECT_LE(segments(), before);
}

TEST_F(LogWriterTest, WaitsOnAFullDiskRatherThanLoseWhatIsNeeded) {
  open();
  static_cast<void>(append(5));
  need(1);
  while (segments() < 3) static_cast<void>(append(5));
  disk.faults().capacity_bytes = disk.used_bytes();
  Outcome outcome = Outcome::written;
  BatchRef batch;
  while (outcome == Outcome::written) outcome = offer(batch = made(5));
  EXPECT_EQ(outcome, Outcome::failed);
  EXPECT_EQ(writer->error().code, ErrorCode::no_space);
  disk.faults().capacity_bytes = UINT64_MAX;
  EXPECT_EQ(offer(batch), Outcome::written);
  EXPECT_EQ(spool->catalog().account().dropped, 0u);
}

TEST_F(LogWriterTest, RemembersWhatSourcesHaveSent) {
  open();
  auto batch = testing::batch_of("a", 1);
  batch->stamp(epoch, {next++}, 0);
  batch->set_origin({{95}, {3}, true, 0});
  ASSERT_EQ(offer(BatchRef(std::move(batch))), Outcome::written);
  while (segments() < 3) static_cast<void>(append(5));
  kill();
  open();
  EXPECT_EQ(spool->recovered().sources.at(95).newest, BatchNumber{3});
}

TEST(SpoolOverflow, IsParsedFromItsName) {
  for (const SpoolOverflow overflow :
       {SpoolOverflow::drop_oldest, SpoolOverflow::drop_newest, SpoolOverflow::block}) {
    EXPECT_EQ(parse_spool_overflow(name_of(overflow)).value(), overflow);
  }
  EXPECT_NE(parse_spool_overflow("spill").error().message.find("drop_newest"), std::string::npos);
}

}  // namespace
}  // namespace xylem
