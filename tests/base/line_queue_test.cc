#include "relay/base/line_queue.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace xylem {
namespace {

TEST(LineQueue, GivesItsLinesInTheirOrder) {
  LineQueue queue;
  queue.push("a\n");
  queue.push("b\n");
  const LineQueue::Taken taken = queue.take();
  EXPECT_EQ(taken.text, "a\nb\n");
  EXPECT_EQ(taken.lost, 0u);
}

TEST(LineQueue, DropsTheNewestWhenItHasAsManyLinesAsItMayAndSaysHowMany) {
  LineQueue queue({.lines_max = 2, .bytes_max = 100});
  for (const char* line : {"a\n", "b\n", "c\n", "d\n"}) queue.push(line);
  EXPECT_EQ(queue.lost(), 2u);
  const LineQueue::Taken taken = queue.take();
  EXPECT_EQ(taken.text, "a\nb\n");
  EXPECT_EQ(taken.lost, 2u);
  queue.push("e\n");
  EXPECT_EQ(queue.take().lost, 0u) << "each is told once";
}

TEST(LineQueue, IsBoundedInBytesAsWell) {
  LineQueue queue({.lines_max = 100, .bytes_max = 8});
  for (const char* line : {"123\n", "45678\n", "9ab\n", "c\n"}) queue.push(line);
  EXPECT_EQ(queue.lost(), 2u);
  EXPECT_EQ(queue.take().text, "123\n9ab\n");
}

TEST(LineQueue, TellsOfLostLinesWhereTheyWereLost) {
  LineQueue queue({.lines_max = 2, .bytes_max = 1 << 20});
  queue.push(std::string(40'000, 'a') + "\n");
  queue.push("b\n");
  queue.push("lost\n");
  EXPECT_EQ(queue.take().lost, 0u) << "b came before what was lost";
  const LineQueue::Taken rest = queue.take();
  EXPECT_EQ(rest.text, "b\n");
  EXPECT_EQ(rest.lost, 1u);
}

TEST(LineQueue, OnceClosedGivesWhatItHasAndThenNothing) {
  LineQueue queue;
  queue.push("a\n");
  queue.close();
  queue.push("late\n");
  EXPECT_EQ(queue.take().text, "a\n");
  EXPECT_EQ(queue.take().text, "");
  EXPECT_EQ(queue.lost(), 1u);
}

TEST(LineQueue, KeepsOrLosesEachLineOfManyThreads) {
  constexpr int kThreads = 4;
  constexpr int kLines = 5'000;
  LineQueue queue({.lines_max = 64, .bytes_max = 1 << 20});
  std::size_t taken = 0;
  std::uint64_t told = 0;
  std::thread reader([&] {
    for (LineQueue::Taken some = queue.take(); !some.text.empty(); some = queue.take()) {
      taken += some.text.size();
      told += some.lost;
    }
  });
  std::vector<std::thread> writers;
  for (int i = 0; i < kThreads; ++i) {
    writers.emplace_back([&] {
      for (int line = 0; line < kLines; ++line) queue.push("\n");
    });
  }
  for (std::thread& writer : writers) writer.join();
  queue.close();
  reader.join();
  EXPECT_EQ(taken + queue.lost(), std::size_t{kThreads * kLines});
  EXPECT_EQ(told, queue.lost());
}

}  // namespace
}  // namespace xylem
