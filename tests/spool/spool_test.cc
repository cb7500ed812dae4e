#include "relay/spool/spool.h"

#include <gtest/gtest.h>

#include "tests/doubles/log_on_disk.h"

namespace xylem {
namespace {

TEST(Spool, OpensWhatIsThere) {
  testing::LogOnDisk log;
  log.open();
  static_cast<void>(log.append(3));
  log.kill();
  const auto spool = Spool::open(log.folder.path(), log.options);
  ASSERT_TRUE(spool);
  EXPECT_EQ((*spool)->catalog().segments().size(), 1u);
  const auto reader = (*spool)->reader();
  reader->seek({}, {});
  EXPECT_EQ(reader->read()->size(), 3u);
}

TEST(Spool, IsHeldByOneRelay) {
  testing::LogOnDisk log;
  log.open();
  const auto second = Spool::open(log.folder.path(), log.options);
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().message.find("held by process"), std::string::npos);
}

TEST(Spool, BeginsAnEpochThatIsLaterThanAnyBeforeWhateverTheClockSays) {
  testing::LogOnDisk log;
  const auto begun = [&](std::int64_t wall_us) {
    return Spool::open(log.folder.path(), log.options).value()->begin_epoch(wall_us).value().value;
  };
  EXPECT_EQ(begun(1000), 1000u);
  EXPECT_EQ(begun(2000), 2000u);
  EXPECT_EQ(begun(500), 2001u) << "nothing was written in it, but it may have been seen";
}

TEST(Spool, RefusesAQuotaThatNoVolumeHas) {
  testing::LogOnDisk log;
  log.options.bytes_max = std::uint64_t{1} << 60;
  const auto spool = Spool::open(log.folder.path(), log.options);
  ASSERT_FALSE(spool);
  EXPECT_EQ(spool.error().code, ErrorCode::refused);
  EXPECT_NE(spool.error().message.find("more than the whole volume"), std::string::npos);
}

}  // namespace
}  // namespace xylem
