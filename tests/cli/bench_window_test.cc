#include "relay/cli/bench_window.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

namespace xylem::cli {
namespace {

constexpr std::array<std::uint64_t, 2> kFar{50, 500};

TEST(BenchWindow, IsClosedWhileTheSlowestIsTooFarBehind) {
  BenchWindow window(2, 2, 100);
  EXPECT_TRUE(window.is_open(0, 100));
  EXPECT_FALSE(window.is_open(0, 101));
  window.reached(0, kFar);
  EXPECT_FALSE(window.is_open(0, 101)) << "the other one has not moved";
  window.reached(1, kFar);
  EXPECT_TRUE(window.is_open(0, 150));
  EXPECT_FALSE(window.is_open(0, 151));
  EXPECT_TRUE(window.is_open(1, 600));
}

TEST(BenchWindow, DoesNotWaitForWhoLeft) {
  BenchWindow window(1, 1, 100);
  window.leave(0);
  EXPECT_TRUE(window.is_open(0, 1'000'000));
}

TEST(BenchWindow, OfNoSizeIsAlwaysOpen) {
  const BenchWindow window(1, 1, 0);
  EXPECT_TRUE(window.is_open(0, 1'000'000));
}

TEST(BenchWindow, IsSharedWithChildren) {
  BenchWindow window(1, 2, 100);
  const pid_t child = ::fork();
  if (child == 0) {
    window.reached(0, kFar);
    ::_exit(0);
  }
  ::waitpid(child, nullptr, 0);
  EXPECT_TRUE(window.is_open(1, 600));
}

}  // namespace
}  // namespace xylem::cli
