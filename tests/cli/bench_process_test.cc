#include "relay/cli/bench_process.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

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

}  // namespace
}  // namespace xylem::cli
