#include "relay/base/log.h"

#include <gtest/gtest.h>

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

TEST(Log, WritesOneLineWithLevelAndSentence) {
  const std::string line = logged([] { XYLEM_LOG(warning, "{} events left", 3); });
  EXPECT_NE(line.find("warning"), std::string::npos) << line;
  EXPECT_TRUE(line.ends_with(" 3 events left\n")) << line;
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
  DistinctLog log{clock, 5s};
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

TEST_F(DistinctLogTest, SurvivesMoreCausesThanItTellsApart) {
  logged([&] {
    for (int i = 0; i < 1000; ++i) log.warn("cause " + std::to_string(i), "sentence");
  });
  EXPECT_NE(warned("new"), "");
}

}  // namespace
}  // namespace xylem
