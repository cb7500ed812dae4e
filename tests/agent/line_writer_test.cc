#include "relay/agent/line_writer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <string>
#include <utility>

#include "relay/base/log.h"

namespace xylem {
namespace {

using namespace std::chrono_literals;

class LineWriterTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0); }
  ~LineWriterTest() override {
    ::close(ends[0]);
    ::close(ends[1]);
  }
  // Bytes until a write would block.
  std::size_t fill() {
    ::fcntl(ends[1], F_SETFL, O_NONBLOCK);
    const std::string block(4096, '.');
    std::size_t bytes = 0;
    for (ssize_t n = 0; (n = ::write(ends[1], block.data(), block.size())) > 0;) {
      bytes += static_cast<std::size_t>(n);
    }
    ::fcntl(ends[1], F_SETFL, 0);
    return bytes;
  }
  std::string read(std::size_t bytes) {
    std::string text(bytes, '\0');
    std::size_t have = 0;
    while (have < bytes) {
      const ssize_t n = ::read(ends[0], text.data() + have, bytes - have);
      if (n <= 0) break;
      have += static_cast<std::size_t>(n);
    }
    text.resize(have);
    return text;
  }
  // What is there now.
  std::string rest() {
    ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
    return read(1 << 20);
  }
  std::array<int, 2> ends{};
};

TEST_F(LineWriterTest, SaysOnceWhatItCouldNotWriteAndWhy) {
  LineQueue log;
  send_log_lines_to(&log);
  const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  {
    LineWriter writer("stdout", full);
    writer.queue().push("{}\n");
    EXPECT_TRUE(writer.finish(10s));
  }
  ::close(full);
  send_log_lines_to(nullptr);
  EXPECT_NE(log.take().text.find("a line for stdout is lost: No space left on device"),
            std::string::npos);
}

TEST_F(LineWriterTest, WritesAllThatItTookBeforeItIsFinished) {
  LineWriter writer("log", ends[1]);
  writer.queue().push("a\n");
  writer.queue().push("b\n");
  EXPECT_TRUE(writer.finish(10s));
  EXPECT_EQ(read(4), "a\nb\n");
}

TEST_F(LineWriterTest, NobodyWaitsForAReaderWhoDoesNotRead) {
  const std::size_t before = fill();
  LineWriter writer("log", ends[1]);
  for (int i = 0; i < 10'000; ++i) writer.queue().push("line\n");
  EXPECT_GT(writer.queue().lost(), 0u);
  EXPECT_FALSE(writer.finish(20ms)) << "it is stuck in a write, and says so";
  EXPECT_EQ(read(before).size(), before);
  EXPECT_TRUE(writer.finish(10s));
  const std::size_t written = (10'000 - writer.queue().lost()) * 5;
  EXPECT_EQ(read(written).size(), written);
  EXPECT_TRUE(rest().ends_with(
      fmt::format(" {} lines were lost here, because nobody took them\n", writer.queue().lost())));
}

TEST_F(LineWriterTest, WaitsAtADescriptorThatSomebodyMadeNonBlocking) {
  const std::size_t before = fill();
  ::fcntl(ends[1], F_SETFL, O_NONBLOCK);
  LineWriter writer("log", ends[1]);
  writer.queue().push("late\n");
  EXPECT_FALSE(writer.finish(20ms));
  EXPECT_EQ(read(before).size(), before);
  EXPECT_TRUE(writer.finish(10s));
  EXPECT_EQ(read(5), "late\n");
}

TEST_F(LineWriterTest, EndsWhenTheReaderHasGone) {
  ::signal(SIGPIPE, SIG_IGN);
  ::close(std::exchange(ends[0], -1));
  LineWriter writer("log", ends[1]);
  writer.queue().push("unread\n");
  EXPECT_TRUE(writer.finish(10s));
}

}  // namespace
}  // namespace xylem
