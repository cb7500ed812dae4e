// Goal    a cursor is found as it was saved last, and whatever becomes of one slot, the one before.
// Method  a real file, damaged at every byte.

#include "relay/spool/cursor_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/doubles/sockets.h"

namespace xylem {
namespace {

class CursorFileTest : public ::testing::Test {
 protected:
  std::optional<CursorFile::Cursor> found() {
    return CursorFile::open(*disk, "cursor").value().found();
  }
  void save(std::uint64_t number) {
    auto file = CursorFile::open(*disk, "cursor").value();
    ASSERT_TRUE(file.save({{95}, {number}, {{7}, {number * 10}}}));
  }
  void damage(std::uint64_t at) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(at));
    const auto byte = static_cast<char>(file.get() ^ 1);
    file.seekp(static_cast<std::streamoff>(at));
    file.put(byte);
  }
  testing::TempDir folder;
  std::string path = folder.path() + "/cursor";
  std::unique_ptr<Directory> disk = Directory::hold(folder.path()).value();
};

TEST_F(CursorFileTest, IsNoneAtFirst) { EXPECT_FALSE(found()); }

TEST_F(CursorFileTest, IsWhatWasSavedLast) {
  for (std::uint64_t number = 1; number <= 5; ++number) {
    save(number);
    const auto cursor = found();
    ASSERT_TRUE(cursor);
    EXPECT_EQ(cursor->source, SourceId{95});
    EXPECT_EQ(cursor->number, RecordNumber{number});
    EXPECT_EQ(cursor->position, (LogPosition{{7}, {number * 10}}));
  }
}

TEST_F(CursorFileTest, IsTheOneBeforeWhereverTheLastIsDamaged) {
  save(1);
  save(2);
  const std::uint64_t newest_slot = 0;  // generations alternate, beginning with slot 1
  for (std::uint64_t at = 0; at < 56; ++at) {
    damage(newest_slot + at);
    const auto cursor = found();
    ASSERT_TRUE(cursor) << at;
    EXPECT_EQ(cursor->number, RecordNumber{1}) << at;
    damage(newest_slot + at);
  }
  EXPECT_EQ(found()->number, RecordNumber{2});
}

TEST_F(CursorFileTest, IsNoneIfBothSlotsAreDamaged) {
  save(1);
  save(2);
  damage(3);
  damage(512 + 3);
  EXPECT_FALSE(found());
  save(9);
  EXPECT_EQ(found()->number, RecordNumber{9}) << "and may be saved again";
}

TEST_F(CursorFileTest, IsNoneInAFileThatWasCut) {
  save(1);
  std::filesystem::resize_file(path, 520);
  EXPECT_FALSE(found());
}

}  // namespace
}  // namespace xylem
