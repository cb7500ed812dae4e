// Goal    the disk that tests stand on forgets what a disk may forget, and nothing else.
// Method  write, sync or not, take the power away, look; many seeds.

#include "tests/doubles/simulated_disk.h"

#include <gtest/gtest.h>

#include <set>
#include <string_view>

namespace xylem::testing {
namespace {

Result<void> write(File& file, std::uint64_t offset, std::string_view text) {
  const std::span<const std::byte> piece = std::as_bytes(std::span(text));
  return file.write_at(offset, {&piece, 1});
}

std::string text_of(const SimulatedDisk& disk, const std::string& name) {
  const std::vector<std::byte> bytes = disk.contents(name);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// "aaa...bbb...": one letter for each sector.
std::string sectors(std::size_t count, char first) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) {
    text.append(SimulatedDisk::kSectorBytes, static_cast<char>(first + static_cast<char>(i)));
  }
  return text;
}

// Makes a file of four sectors that is safe, by name and by contents.
std::unique_ptr<File> safe_file(Disk& disk) {
  auto file = disk.create("log").value();
  EXPECT_TRUE(write(*file, 0, sectors(4, 'a')));
  EXPECT_TRUE(file->sync());
  EXPECT_TRUE(disk.sync());
  return file;
}

TEST(SimulatedDisk, KeepsWhatWasSyncedAndTearsTheRestAtSectors) {
  std::set<std::string> found;
  for (const std::uint64_t seed : seeds(200)) {
    SCOPED_TRACE(named(seed));
    SimulatedDisk disk(seed);
    {
      const auto mounted = disk.mount();
      const auto file = safe_file(*mounted);
      ASSERT_TRUE(write(*file, 512, sectors(2, 'B')));
      ASSERT_TRUE(write(*file, 2048, sectors(1, 'E')));
    }
    EXPECT_EQ(text_of(disk, "log").size(), 2560u) << "a process that dies loses nothing";
    disk.lose_power();
    const std::string text = text_of(disk, "log");
    ASSERT_TRUE(text.size() == 2048 || text.size() == 2560) << text.size();
    std::string letters;
    for (std::size_t at = 0; at < text.size(); at += 512) {
      ASSERT_EQ(text.substr(at, 512), std::string(512, text[at])) << "sectors are whole";
      letters += text[at] == '\0' ? '0' : text[at];
    }
    EXPECT_EQ(letters[0], 'a');
    EXPECT_EQ(letters[3], 'd');
    found.insert(letters);
  }
  EXPECT_TRUE(found.contains("abcd")) << "everything was lost";
  EXPECT_TRUE(found.contains("aBCdE")) << "nothing was lost";
  EXPECT_TRUE(found.contains("aBcd") || found.contains("abCd")) << "some of it was lost";
  EXPECT_TRUE(found.contains("abcd0")) << "the size alone survived";
}

TEST(SimulatedDisk, NamesAreSafeOnceTheDirectoryIsSynced) {
  std::set<std::size_t> files;
  for (const std::uint64_t seed : seeds(50)) {
    SimulatedDisk disk(seed);
    {
      const auto mounted = disk.mount();
      static_cast<void>(safe_file(*mounted));
      ASSERT_TRUE(mounted->create("second"));
      ASSERT_TRUE(mounted->create("third"));
      ASSERT_TRUE(mounted->remove("log"));
    }
    disk.lose_power();
    files.insert(disk.names().size());
    EXPECT_TRUE(disk.names().size() == 2 || text_of(disk, "log") == sectors(4, 'a'));
  }
  EXPECT_EQ(files, (std::set<std::size_t>{1, 2, 3}));
}

TEST(SimulatedDisk, AfterASyncThatFailedALaterOneSavesNothingOfIt) {
  bool lost = false;
  for (const std::uint64_t seed : seeds(50)) {
    SimulatedDisk disk(seed);
    {
      const auto mounted = disk.mount();
      const auto file = safe_file(*mounted);
      ASSERT_TRUE(write(*file, 0, sectors(1, 'A')));
      disk.fail_syncs(1);
      ASSERT_FALSE(file->sync());
      ASSERT_TRUE(file->sync());
    }
    EXPECT_EQ(text_of(disk, "log")[0], 'A') << "a reader sees it all the same";
    disk.lose_power();
    lost |= text_of(disk, "log")[0] == 'a';
  }
  EXPECT_TRUE(lost);
}

TEST(SimulatedDisk, WritesThatFailLeaveAFirstPart) {
  SimulatedDisk disk(1);
  const auto mounted = disk.mount();
  const auto file = safe_file(*mounted);
  disk.fail_write_after(3);
  EXPECT_FALSE(write(*file, 0, "ABCDEF"));
  EXPECT_EQ(text_of(disk, "log").substr(0, 6), "ABCaaa");
  EXPECT_TRUE(write(*file, 0, "ABCDEF"));
}

TEST(SimulatedDisk, HasSoMuchRoomAndNoMore) {
  SimulatedDisk disk(1);
  const auto mounted = disk.mount();
  const auto file = safe_file(*mounted);
  disk.faults().capacity_bytes = 2100;
  EXPECT_EQ(write(*file, 2000, sectors(1, 'x')).error().code, ErrorCode::no_space);
  EXPECT_EQ(text_of(disk, "log").size(), 2100u) << "as much as there was room for";
  EXPECT_EQ(file->reserve(4096).error().code, ErrorCode::no_space);
  disk.faults().capacity_bytes = 8192;
  EXPECT_TRUE(file->reserve(4096));
  EXPECT_EQ(mounted->room()->free_bytes, 4096u);
  EXPECT_EQ(disk.counts().full, 2u);
}

TEST(SimulatedDisk, ALyingDiskLosesWhatItSaidItHad) {
  bool lost = false;
  for (const std::uint64_t seed : seeds(50)) {
    SimulatedDisk disk(seed);
    {
      const auto mounted = disk.mount();
      const auto file = safe_file(*mounted);
      disk.faults().lies = true;
      ASSERT_TRUE(write(*file, 0, sectors(1, 'A')));
      ASSERT_TRUE(file->sync());
    }
    disk.lose_power();
    lost |= text_of(disk, "log")[0] == 'a';
  }
  EXPECT_TRUE(lost);
}

}  // namespace
}  // namespace xylem::testing
