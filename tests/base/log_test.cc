#include "relay/base/log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <regex>

#include "relay/base/line_queue.h"
#include "tests/doubles/manual_clock.h"

namespace xylem {
namespace {

using namespace std::chrono_literals;

TEST(Printable, LeavesTextAlone) {
  EXPECT_EQ(printable("task.sent"), "task.sent");
  EXPECT_EQ(printable("h\xc3\xa9llo \xe4\xb8\xad \xf0\x9f\x98\x80"),
            "h\xc3\xa9llo \xe4\xb8\xad \xf0\x9f\x98\x80");
}

TEST(Printable, ShowsControlCharactersAsTheirBytes) {
  EXPECT_EQ(printable("a\nb\x1b[2J\x7f"), "a\\x0ab\\x1b[2J\\x7f");
  EXPECT_EQ(printable(std::string_view("\0", 1)), "\\x00");
  EXPECT_EQ(printable("\xc2\x9b"
                      "2J"),
            "\\xc2\\x9b"
            "2J")
      << "U+009B begins an escape as well";
}

TEST(Printable, ShowsInvalidUtf8AsItsBytes) {
  EXPECT_EQ(printable("\xff"
                      "a"),
            "\\xffa");
  EXPECT_EQ(printable("\xc3"), "\\xc3");
  EXPECT_EQ(printable("\xc0\x9b"), "\\xc0\\x9b") << "overlong in two bytes";
  EXPECT_EQ(printable("\xe0\x82\x9b"), "\\xe0\\x82\\x9b") << "overlong in three";
  EXPECT_EQ(printable("\xf0\x80\x82\x9b"), "\\xf0\\x80\\x82\\x9b") << "overlong in four";
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80") << "a surrogate";
  EXPECT_EQ(printable("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80") << "above U+10FFFF";
}

TEST(Printable, CutsWhatIsLong) {
  EXPECT_EQ(printable("abcd", 4), "abcd");
  EXPECT_EQ(printable("abcde", 4), "abcd...");
}

TEST(LogLevel, IsParsedFromItsName) {
  EXPECT_EQ(parse_log_level("warning").value(), LogLevel::warning);
  EXPECT_EQ(parse_log_level("WARN").error().code, ErrorCode::bad_configuration);
}

// What `act` writes to stderr.
template <class Act>
std::string logged(Act act) {
  ::testing::internal::CaptureStderr();
  act();
  return ::testing::internal::GetCapturedStderr();
}

std::ptrdiff_t lines_of(const std::string& text) {
  return std::count(text.begin(), text.end(), '\n');
}

TEST(Log, WritesOneLineWithLevelAndSentence) {
  const std::string line = logged([] { XYLEM_LOG(warning, "{} events left", 3); });
  EXPECT_NE(line.find("warning"), std::string::npos) << line;
  EXPECT_TRUE(line.ends_with(" warning 3 events left\n")) << line;
  const std::regex time(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d warning .*\n)");
  EXPECT_TRUE(std::regex_match(line, time)) << line;
}

TEST(Log, KeepsToTheLeastLevel) {
  EXPECT_EQ(logged([] { XYLEM_LOG(debug, "unseen"); }), "");
  set_log_level(LogLevel::debug);
  EXPECT_NE(logged([] { XYLEM_LOG(debug, "seen"); }), "");
  set_log_level(LogLevel::info);
}

class DistinctLogTest : public ::testing::Test {
 protected:
  std::string warned(const std::string& cause) {
    return logged([&] { log.warn(cause, "sentence about " + cause); });
  }
  testing::ManualClock clock;
  LineBudget process{1000, 1000};
  DistinctLog log{clock, 5s, process};
};

TEST_F(DistinctLogTest, WritesTheFirstOfEachCauseAtOnce) {
  EXPECT_NE(warned("a").find("sentence about a"), std::string::npos);
  EXPECT_NE(warned("b").find("sentence about b"), std::string::npos);
}

TEST_F(DistinctLogTest, CountsWhatItDoesNotWrite) {
  EXPECT_NE(warned("a"), "");
  EXPECT_EQ(warned("a"), "");
  EXPECT_EQ(warned("a"), "");
  clock.advance(5s);
  EXPECT_NE(warned("a").find("(2 more like it)"), std::string::npos);
  clock.advance(5s);
  EXPECT_EQ(warned("a").find("more like it"), std::string::npos);
}

TEST_F(DistinctLogTest, TellsWithItsNextLineOfCausesThatCameToNoLine) {
  const std::string storm = logged([&] {
    for (int i = 0; i < 1000; ++i) log.warn("cause " + std::to_string(i), "sentence");
  });
  EXPECT_EQ(lines_of(storm), DistinctLog::kBurst);
  EXPECT_EQ(log.untold(), 1000u - DistinctLog::kBurst);
  clock.advance(5s);
  const std::string next = warned("new");
  EXPECT_NE(next.find("(980 more of at least 236 other causes)"), std::string::npos) << next;
  EXPECT_EQ(log.untold(), 0u);
}

TEST_F(DistinctLogTest, StaysWithinTheBudgetOfTheProcess) {
  LineBudget few(3, 1);
  DistinctLog one(clock, 5s, few);
  DistinctLog other(clock, 5s, few);
  const std::string said = logged([&] {
    for (const char* cause : {"a", "b", "c"}) one.warn(cause, "sentence");
    for (const char* cause : {"a", "b", "c"}) other.warn(cause, "sentence");
  });
  EXPECT_EQ(lines_of(said), 3);
  EXPECT_EQ(other.untold(), 3u);
}

TEST_F(DistinctLogTest, ALevelThatIsNotWrittenCostsTheOthersNothing) {
  set_log_level(LogLevel::warning);
  for (int i = 0; i < 100; ++i) log.info("info " + std::to_string(i), "sentence");
  EXPECT_NE(warned("a"), "");
  set_log_level(LogLevel::info);
}

// Any storm: as many causes, at any pace, as chance wants.
TEST_F(DistinctLogTest, WhateverComesItsLinesAreBoundedAndItsCountsAddUp) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937_64 chance(seed);
  for (int storm = 0; storm < 20; ++storm) {
    LineBudget wide(200, 20);
    DistinctLog stormy(clock, 5s, wide);
    const std::uint64_t causes = 1 + chance() % 2000;
    const Duration pace = std::chrono::microseconds(chance() % 20'000);
    const Instant began = clock.now();
    constexpr std::uint64_t kCalls = 3'000;
    const std::string said = logged([&] {
      for (std::uint64_t i = 0; i < kCalls; ++i) {
        stormy.warn("cause " + std::to_string(chance() % causes), "sentence");
        clock.advance(pace * (chance() % 3));
      }
    });
    const double seconds = std::chrono::duration<double>(clock.now() - began).count();
    EXPECT_LE(lines_of(said), DistinctLog::kBurst + DistinctLog::kPerSecond * seconds + 1);
    std::uint64_t told = 0;
    const std::regex more(R"(\((\d+) more (?:like it|of at least \d+ other causes)\))");
    for (std::sregex_iterator at(said.begin(), said.end(), more), end; at != end; ++at) {
      told += std::stoull((*at)[1]);
    }
    EXPECT_EQ(static_cast<std::uint64_t>(lines_of(said)) + told + stormy.untold(), kCalls);
  }
}

TEST(LineBudget, GivesABurstAndThenItsPace) {
  LineBudget budget(10, 2);
  const Instant start{1h};
  int spent = 0;
  for (int i = 0; i < 100; ++i) spent += budget.spend(start);
  EXPECT_EQ(spent, 10);
  for (int ms = 1; ms <= 10'000; ++ms) spent += budget.spend(start + Duration(ms * 1ms));
  EXPECT_EQ(spent, 30);
}

TEST(LineBudget, GivesTheSameToAClockThatBeginsEarlier) {
  LineBudget budget(1, 1);
  EXPECT_TRUE(budget.spend(Instant{100h}));
  EXPECT_FALSE(budget.spend(Instant{100h}));
  EXPECT_TRUE(budget.spend(Instant{1h}));
}

TEST(Log, GoesIntoTheQueueThatItWasGiven) {
  LineQueue queue;
  send_log_lines_to(&queue);
  EXPECT_EQ(logged([] { XYLEM_LOG(info, "queued"); }), "");
  send_log_lines_to(nullptr);
  EXPECT_TRUE(queue.take().text.ends_with(" info queued\n"));
}

}  // namespace
}  // namespace xylem
