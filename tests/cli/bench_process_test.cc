#include "relay/cli/bench_process.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <vector>

namespace xylem::cli {
namespace {

TEST(ProcessFigures, CountOurselves) {
  const ProcessFigures figures = process_figures(::getpid());
  EXPECT_GE(figures.cpu_s, 0);
  EXPECT_GT(figures.peak_bytes, 100'000u);
}

TEST(ProcessFigures, CountChildrenToo) {
  constexpr std::size_t kBytes = std::size_t{64} << 20;
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const ProcessFigures before = process_figures(::getpid());
  const pid_t child = ::fork();
  if (child == 0) {
    const std::vector<char> held(kBytes, 'x');
    [[maybe_unused]] const auto written = ::write(ready[1], &held.back(), 1);
    for (;;) ::pause();
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  EXPECT_GT(process_figures(::getpid()).peak_bytes, before.peak_bytes + kBytes / 2);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
}

TEST(ProcessFigures, OfNobodyAreNone) { EXPECT_EQ(process_figures(0x7fffffff).peak_bytes, 0u); }

// A child that makes a child and dies: the pipe's end closes once the grandchild is gone as well.
TEST(EndWith, EndsAChildWhoseParentDied) {
  int alive[2];
  ASSERT_EQ(::pipe(alive), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const pid_t parent = ::getpid();
    if (::fork() == 0) {
      ::alarm(20);  // if it does not
      end_with(parent, SIGKILL);
      [[maybe_unused]] const auto written = ::write(alive[1], "x", 1);
      for (;;) ::pause();
    }
    for (;;) ::pause();
  }
  ::close(alive[1]);
  char byte = 0;
  ASSERT_EQ(::read(alive[0], &byte, 1), 1);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  const auto before = std::chrono::steady_clock::now();
  EXPECT_EQ(::read(alive[0], &byte, 1), 0);
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(10));
  ::close(alive[0]);
}

}  // namespace
}  // namespace xylem::cli
