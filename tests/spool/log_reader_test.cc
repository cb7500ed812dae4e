// Goal    a reader gives every batch once and in order from where it was told to begin, across
//         segments and epochs, while the log grows, and never spins on what it cannot read.
// Method  a real directory with small segments; then random steps against a list.

#include "relay/spool/log_reader.h"

#include <gtest/gtest.h>

#include "tests/doubles/chance.h"
#include "tests/doubles/log_on_disk.h"

namespace xylem {
namespace {

class LogReaderTest : public ::testing::Test {
 protected:
  std::string rest(LogReader& reader) {
    std::string told;
    while (const BatchRef batch = reader.read()) told += testing::LogOnDisk::said(*batch);
    return told;
  }
  testing::LogOnDisk log;
};

TEST_F(LogReaderTest, OfAnEmptyLogHasNothing) {
  log.open();
  EXPECT_EQ(log.read(), "");
  EXPECT_FALSE(log.spool->reader()->has_more());
}

TEST_F(LogReaderTest, SeesWhatIsAppendedMeanwhile) {
  log.open();
  const auto reader = log.spool->reader();
  reader->seek({}, {});
  EXPECT_FALSE(reader->has_more());
  static_cast<void>(log.append(2));
  EXPECT_TRUE(reader->has_more());
  EXPECT_EQ(rest(*reader), "1:1-2 ");
  EXPECT_FALSE(reader->has_more());
  static_cast<void>(log.append(3));
  EXPECT_TRUE(reader->has_more());
  EXPECT_EQ(rest(*reader), "1:3-5 ");
}

TEST_F(LogReaderTest, FollowsFromSegmentToSegment) {
  log.open();
  const auto reader = log.spool->reader();
  reader->seek({}, {});
  std::string told;
  for (int i = 0; i < 60; ++i) {
    static_cast<void>(log.append(5));
    if (i % 7 == 0) told += rest(*reader);
  }
  told += rest(*reader);
  ASSERT_GT(log.spool->catalog().segments().size(), 3u) << "the premise: it had to change files";
  EXPECT_EQ(told, log.read());
  EXPECT_EQ(reader->position(), (LogPosition{{1}, {301}}));
}

TEST_F(LogReaderTest, BeginsWithTheBatchThatHasThePlace) {
  log.open();
  for (int i = 0; i < 3; ++i) static_cast<void>(log.append(10));
  EXPECT_EQ(log.read({1}, {1}), "1:1-10 1:11-20 1:21-30 ");
  EXPECT_EQ(log.read({1}, {20}), "1:11-20 1:21-30 ");
  EXPECT_EQ(log.read({1}, {21}), "1:21-30 ");
  EXPECT_EQ(log.read({1}, {31}), "");
  EXPECT_EQ(log.read({2}, {1}), "");
}

TEST_F(LogReaderTest, WaitsAtTheEndForWhatComes) {
  log.open();
  static_cast<void>(log.append(10));
  const auto reader = log.spool->reader();
  reader->seek({1}, {11});
  EXPECT_EQ(rest(*reader), "");
  static_cast<void>(log.append(1));
  EXPECT_EQ(rest(*reader), "1:11-11 ");
}

TEST_F(LogReaderTest, BeginsAtATime) {
  log.open();
  for (int i = 0; i < 4; ++i) {
    static_cast<void>(log.append(1));
    log.now_us += 1000;
  }
  const auto reader = log.spool->reader();
  reader->seek(1'002'000);
  EXPECT_EQ(rest(*reader), "1:3-3 1:4-4 ");
}

TEST_F(LogReaderTest, GoesOnWithTheNextSegmentWhereOneIsGone) {
  log.open();
  log.fill(4);
  const auto reader = log.spool->reader();
  reader->seek({}, {});
  static_cast<void>(reader->read());
  ASSERT_TRUE(log.spool->disk().remove(segment_name(2)));
  const std::string told = rest(*reader);
  EXPECT_EQ(told.find(testing::LogOnDisk::said(*log.made(1))), std::string::npos);
  EXPECT_GT(reader->damaged_bytes(), 0u);
  EXPECT_FALSE(reader->has_more());
}

TEST_F(LogReaderTest, HasNoMoreAtTheEndOfALogThatDoesNotGrow) {
  log.open();
  log.fill(3);
  log.kill();
  log.cut(3, log.size(3) - 3);
  log.open();
  const auto reader = log.spool->reader();
  reader->seek({}, {});
  EXPECT_TRUE(reader->has_more());
  static_cast<void>(rest(*reader));
  EXPECT_FALSE(reader->has_more()) << "or its owner would never sleep";
}

TEST_F(LogReaderTest, TellsWhoseBatchItWas) {
  log.open();
  static_cast<void>(log.append(1, {{95}, {12}, false, 7'000'999}));
  const auto reader = log.spool->reader();
  reader->seek({}, {});
  const auto entry = reader->next();
  EXPECT_EQ(entry->batch->origin().source, SourceId{95});
  EXPECT_EQ(entry->batch->origin().number, BatchNumber{12});
  EXPECT_EQ(entry->batch->origin().age_us, 7'000'000) << "in milliseconds, in its file";
}

TEST_F(LogReaderTest, GivesWhatAListOfAllWouldGive) {
  for (const std::uint64_t seed : testing::seeds(20)) {
    SCOPED_TRACE(testing::named(seed));
    testing::Chance chance(seed);
    testing::LogOnDisk random;
    random.options.segment_bytes = 64 * chance.between(16, 100);
    std::string all;
    std::string told;
    random.open();
    auto reader = random.spool->reader();
    reader->seek({}, {});
    for (int step = 0; step < 200; ++step) {
      if (chance.one_in(40)) {
        told += rest(*reader);
        const LogPosition at = reader->position();
        reader.reset();
        random.kill();
        random.open();
        reader = random.spool->reader();
        reader->seek(at.epoch, at.sequence);
      } else if (chance.one_in(3)) {
        told += rest(*reader);
      } else {
        const BatchRef batch = random.made(chance.between(1, 6));
        ASSERT_EQ(random.writer->append({&batch, 1}, 0), LogWriter::Outcome::written);
        all += testing::LogOnDisk::said(*batch);
      }
    }
    told += rest(*reader);
    EXPECT_EQ(told, all);
  }
}

}  // namespace
}  // namespace xylem
