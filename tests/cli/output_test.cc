// Goal    a command says that something is written only when it is, and notices that nobody reads.
// Method  real files, pipes and /dev/full.

#include "relay/cli/output.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/doubles/sockets.h"

namespace xylem::cli {
namespace {

class OutputTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ::signal(SIGPIPE, SIG_IGN); }
  static std::string text_of(const std::string& path) {
    std::stringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }
  testing::TempDir folder;
  std::string path = folder.path() + "/out";
};

TEST_F(OutputTest, KeepsWhatIsThereUnlessToldOtherwise) {
  std::ofstream(path) << "old\n";
  const auto refused = Output::open(path, Output::Mode::create);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("--force writes over it"), std::string::npos);
  auto behind = Output::open(path, Output::Mode::append);
  behind->line("new");
  ASSERT_TRUE(behind->finish());
  EXPECT_EQ(text_of(path), "old\nnew\n");
  auto over = Output::open(path, Output::Mode::replace);
  over->line("newest");
  ASSERT_TRUE(over->finish());
  EXPECT_EQ(text_of(path), "newest\n");
}

TEST_F(OutputTest, WhatWasThereStaysUntilThereIsALine) {
  std::ofstream(path) << "old\n";
  {
    auto output = Output::open(path, Output::Mode::replace);
    ASSERT_TRUE(output->finish());
    output->remove_if_made(path);
  }
  EXPECT_EQ(text_of(path), "old\n");
  auto output = Output::open(path, Output::Mode::replace);
  output->discard_old();
  ASSERT_TRUE(output->finish());
  EXPECT_EQ(text_of(path), "");
}

TEST_F(OutputTest, TakesAwayOnlyTheFileThatItHasMade) {
  auto made = Output::open(path, Output::Mode::create);
  made->remove_if_made(path);
  EXPECT_FALSE(std::filesystem::exists(path));
  const std::string link = folder.path() + "/link";
  std::filesystem::create_symlink("/dev/null", link);
  auto led_on = Output::open(link, Output::Mode::replace);
  ASSERT_TRUE(led_on);
  led_on->remove_if_made(link);
  EXPECT_TRUE(std::filesystem::is_symlink(link));
  auto moved = Output::open(path, Output::Mode::create);
  std::filesystem::rename(path, path + ".1");
  std::ofstream(path) << "another's\n";
  moved->remove_if_made(path);
  EXPECT_TRUE(std::filesystem::exists(path)) << "it is another by now";
}

TEST_F(OutputTest, EndsALineThatAKillHasCutOff) {
  std::ofstream(path) << "whole\nhal";
  auto output = Output::open(path, Output::Mode::append);
  output->line("next");
  ASSERT_TRUE(output->finish());
  EXPECT_EQ(text_of(path), "whole\nhal\nnext\n");
}

// logrotate's copytruncate: written at the old place, the new file would begin with zeros.
TEST_F(OutputTest, WritesBehindTheEndOfAFileThatWasCutShort) {
  for (const auto mode : {Output::Mode::create, Output::Mode::replace, Output::Mode::append}) {
    auto output = Output::open(path, mode);
    output->line("before");
    output->flush();
    std::filesystem::resize_file(path, 0);
    output->line("after");
    ASSERT_TRUE(output->finish());
    EXPECT_EQ(text_of(path), "after\n");
    std::filesystem::remove(path);
  }
}

TEST_F(OutputTest, GoesOnInANewFileWhenTheOldOneWasMovedAway) {
  auto output = Output::open(path, Output::Mode::create);
  output->line("old");
  std::filesystem::rename(path, path + ".1");
  output->line("still old");
  ASSERT_TRUE(output->reopen(path));
  output->line("new");
  ASSERT_TRUE(output->finish());
  EXPECT_EQ(text_of(path + ".1"), "old\nstill old\n");
  EXPECT_EQ(text_of(path), "new\n");
}

TEST_F(OutputTest, AFullDiskIsToldWithItsName) {
  auto output = Output::open("/dev/full", Output::Mode::append);
  output->line("lost");
  output->flush();
  EXPECT_TRUE(output->has_failed());
  EXPECT_FALSE(output->reader_has_gone());
  EXPECT_EQ(output->finish().error().message, "No space left on device");
}

TEST_F(OutputTest, NoticesThatTheReaderOfAPipeHasGoneBeforeAnythingIsWritten) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  auto output = Output::open("/proc/self/fd/" + std::to_string(ends[1]), Output::Mode::append);
  ASSERT_TRUE(output) << output.error().message;
  output->flush();
  EXPECT_FALSE(output->has_failed());
  ::close(ends[0]);
  output->flush();
  EXPECT_TRUE(output->reader_has_gone());
  EXPECT_TRUE(output->finish()) << "it has what it wanted";
  ::close(ends[1]);
}

}  // namespace
}  // namespace xylem::cli
