// Goal    files are written, read and listed as asked, one relay holds a directory, and what the
//         system refuses is said with the file's name.
// Method  a real directory; /dev/full for a disk that is.

#include "relay/spool/disk.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>
#include <filesystem>
#include <fstream>

#include "tests/doubles/bytes.h"
#include "tests/doubles/sockets.h"

namespace xylem {
namespace {

using testing::bytes_of;

class DirectoryTest : public ::testing::Test {
 protected:
  std::unique_ptr<Directory> held() { return Directory::hold(folder.path() + "/spool").value(); }
  static void write(File& file, std::uint64_t offset, std::string_view text) {
    const auto bytes = bytes_of(text);
    const std::span<const std::byte> piece(bytes);
    ASSERT_TRUE(file.write_at(offset, {&piece, 1}));
  }
  static std::string read(File& file, std::uint64_t offset, std::size_t most) {
    std::string text(most, '\0');
    const auto got = file.read_at(offset, std::as_writable_bytes(std::span(text)));
    text.resize(got.value());
    return text;
  }
  static std::string why_not(const Result<void>& done) { return done ? "" : done.error().message; }
  testing::TempDir folder;
  const std::string spool = folder.path() + "/spool";
};

TEST_F(DirectoryTest, ReadsWhatWasWritten) {
  const auto disk = held();
  const auto file = disk->create("a").value();
  write(*file, 0, "hello");
  write(*file, 3, "p!");
  EXPECT_EQ(read(*file, 0, 100), "help!");
  EXPECT_EQ(read(*file, 3, 1), "p");
  EXPECT_EQ(read(*file, 50, 1), "");
  EXPECT_EQ(file->size().value(), 5u);
  EXPECT_TRUE(file->sync());
  EXPECT_TRUE(disk->sync());
  EXPECT_EQ(read(*disk->open("a", Disk::Mode::read).value(), 0, 9), "help!");
}

TEST_F(DirectoryTest, WritesAnyNumberOfPiecesOneBehindTheOther) {
  const auto file = held()->create("a").value();
  std::vector<testing::Bytes> texts;
  std::string all;
  for (int i = 0; i < 1000; ++i) {
    texts.push_back(bytes_of(std::to_string(i)));
    all += std::to_string(i);
  }
  std::vector<std::span<const std::byte>> pieces(texts.begin(), texts.end());
  ASSERT_TRUE(file->write_at(0, pieces));
  EXPECT_EQ(read(*file, 0, all.size() + 1), all);
}

TEST_F(DirectoryTest, TakesRoomWithoutGrowing) {
  const auto file = held()->create("a").value();
  ASSERT_TRUE(file->reserve(1 << 20));
  EXPECT_EQ(file->size().value(), 0u);
  write(*file, 0, "text");
  ASSERT_TRUE(file->truncate(2));
  EXPECT_EQ(read(*file, 0, 9), "te");
}

TEST_F(DirectoryTest, ListsRenamesAndRemoves) {
  const auto disk = held();
  static_cast<void>(disk->create("b"));
  static_cast<void>(disk->create("a"));
  EXPECT_TRUE(disk->rename("b", "c"));
  EXPECT_EQ(disk->list().value(), (std::vector<std::string>{"a", "c", "lock"}));
  EXPECT_TRUE(disk->remove("a"));
  EXPECT_TRUE(disk->remove("a")) << "gone is gone";
  EXPECT_EQ(disk->list().value(), (std::vector<std::string>{"c", "lock"}));
}

TEST_F(DirectoryTest, CreatesNothingOverWhatIsThere) {
  const auto disk = held();
  static_cast<void>(disk->create("a"));
  const auto again = disk->create("a");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::io);
  EXPECT_NE(again.error().message.find("/a"), std::string::npos);
  EXPECT_EQ(disk->open("none", Disk::Mode::read).error().code, ErrorCode::io);
}

TEST_F(DirectoryTest, IsHeldByOneAtATimeWhichIsNamed) {
  auto first = held();
  const auto second = Directory::hold(folder.path() + "/spool");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::refused);
  EXPECT_NE(second.error().message.find("process " + std::to_string(::getpid())),
            std::string::npos);
  EXPECT_TRUE(Directory::look(folder.path() + "/spool")) << "looking takes no lock";
  first.reset();
  EXPECT_TRUE(Directory::hold(folder.path() + "/spool"));
}

TEST_F(DirectoryTest, SaysWhereItCouldNotBeMade) {
  const auto nowhere = Directory::hold(folder.path() + "/none/spool");
  ASSERT_FALSE(nowhere);
  EXPECT_NE(nowhere.error().message.find("/none/spool"), std::string::npos);
  std::ofstream(folder.path() + "/file") << "x";
  EXPECT_FALSE(Directory::hold(folder.path() + "/file"));
}

TEST_F(DirectoryTest, TellsAFullDiskApart) {
  const auto devices = Directory::look("/dev").value();
  const auto full = devices->open("full", Disk::Mode::write);
  if (!full) GTEST_SKIP() << "this system has no /dev/full";
  const auto bytes = bytes_of("x");
  const std::span<const std::byte> piece(bytes);
  EXPECT_EQ((*full)->write_at(0, {&piece, 1}).error().code, ErrorCode::no_space);
}

TEST_F(DirectoryTest, SyncsNoFileThatIsNoLongerWhereItWas) {
  const auto disk = held();
  const auto kept = disk->create("kept").value();
  const auto gone = disk->create("gone").value();
  const auto replaced = disk->create("replaced").value();
  std::filesystem::remove(spool + "/gone");
  std::filesystem::remove(spool + "/replaced");
  std::ofstream(spool + "/replaced") << "another's";
  EXPECT_TRUE(kept->sync());
  for (File* file : {gone.get(), replaced.get()}) {
    EXPECT_NE(why_not(file->sync()).find("it was removed or replaced"), std::string::npos);
  }
}

TEST_F(DirectoryTest, SaysThatItIsNoLongerWhereItWas) {
  const auto disk = held();
  const auto file = disk->create("a").value();
  EXPECT_EQ(why_not(disk->in_place()), "");
  const auto expect_gone = [&](const char* how) {
    const std::string words = "the folder " + spool + " was removed or replaced; restart the relay";
    EXPECT_EQ(why_not(disk->in_place()), words) << how;
    EXPECT_EQ(disk->create("b").error().message, words) << how;
    EXPECT_FALSE(file->sync()) << how;
  };
  std::filesystem::rename(spool, spool + ".old");
  expect_gone("moved");
  std::filesystem::create_directory(spool);
  expect_gone("replaced");
  std::filesystem::remove(spool);
  std::filesystem::rename(spool + ".old", spool);
  EXPECT_EQ(why_not(disk->in_place()), "") << "put back";
  EXPECT_TRUE(file->sync());
  std::filesystem::remove_all(spool);
  expect_gone("removed");
}

// A FIFO would keep whoever opens it waiting, a link lead anywhere.
TEST_F(DirectoryTest, OpensNothingButFiles) {
  const auto disk = held();
  std::ofstream(folder.path() + "/outside") << "not ours";
  ASSERT_EQ(::mkfifo((spool + "/fifo").c_str(), 0600), 0);
  std::filesystem::create_directory(spool + "/folder");
  std::filesystem::create_symlink("../outside", spool + "/link");
  for (const char* name : {"fifo", "folder", "link"}) {
    for (const Disk::Mode mode : {Disk::Mode::read, Disk::Mode::write}) {
      const auto opened = disk->open(name, mode);
      ASSERT_FALSE(opened) << name;
      EXPECT_EQ(opened.error().code, ErrorCode::malformed) << name;
      EXPECT_EQ(opened.error().message, spool + "/" + name + " is no file");
    }
  }
}

TEST_F(DirectoryTest, KnowsItsRoom) {
  const Disk::Room room = held()->room().value();
  EXPECT_GT(room.total_bytes, 0u);
  EXPECT_LE(room.free_bytes, room.total_bytes);
}

}  // namespace
}  // namespace xylem
