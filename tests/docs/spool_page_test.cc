// Goal    docs/spool.md draws what the code reads.
// Method  a segment that was made from the page alone (tests/fixtures/make_spool_segment.py).

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "relay/spool/log_reader.h"
#include "relay/spool/log_recovery.h"
#include "tests/doubles/batches.h"
#include "tests/doubles/places.h"
#include "tests/doubles/sockets.h"

namespace xylem {
namespace {

TEST(SpoolPage, TheSegmentFixtureHoldsTheBatchThatThePageNames) {
  const testing::TempDir folder;
  std::filesystem::copy_file(fixtures_folder() + "/spool_segment.seg",
                             folder.path() + "/000000000003.seg");
  auto disk = Directory::look(folder.path()).value();
  const RecoveredLog log = recover_log(*disk).value();
  ASSERT_EQ(log.segments.size(), 1u);
  EXPECT_TRUE(log.set_aside.empty());
  EXPECT_EQ(log.damaged_bytes, 0u);
  EXPECT_EQ(log.newest_epoch, Epoch{7});
  EXPECT_EQ(log.segments[0].first, Sequence{40});
  EXPECT_EQ(log.segments[0].end, Sequence{42});
  EXPECT_EQ(log.sources.at(95).newest, BatchNumber{12});

  LogCatalog catalog;
  catalog.reset(log.segments);
  LogReader reader(*disk, catalog);
  reader.seek({}, {});
  const auto entry = reader.next();
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->number.value, std::uint64_t{1} << 32);
  EXPECT_EQ(testing::said(*entry->batch), R"(task.received={"type":"task-received","uuid":"a1"} )"
                                          R"(task.failed={"type":"task-failed","uuid":"a1"} )");
  EXPECT_FALSE(reader.next());
}

}  // namespace
}  // namespace xylem
