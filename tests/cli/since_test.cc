#include "relay/cli/since.h"

#include <gtest/gtest.h>

namespace xylem::cli {
namespace {

constexpr std::int64_t kNow = 1'800'000'000'000'000;

std::int64_t since(const char* text) {
  const auto parsed = parse_since(text, kNow);
  EXPECT_TRUE(parsed) << text;
  return parsed ? parsed->at_us : -1;
}

TEST(Since, IsSoLongAgo) {
  EXPECT_EQ(since("250ms"), kNow - 250'000);
  EXPECT_EQ(since("5m"), kNow - 300'000'000);
  EXPECT_EQ(since("1.5h"), kNow - 5'400'000'000);
  EXPECT_EQ(since("0s"), kNow);
}

TEST(Since, OfAnAgeIsToldAsOneToo) {
  EXPECT_EQ(parse_since("5m", kNow)->age, std::chrono::minutes(5));
  EXPECT_EQ(parse_since("0s", kNow)->age, std::chrono::milliseconds(1)) << "0 would say nothing";
  EXPECT_EQ(parse_since("2026-11-24T10:00:00Z", kNow)->age, Duration(0));
}

TEST(Since, IsAMoment) {
  EXPECT_EQ(since("2026-11-24T10:00:00Z"), 1'795'514'400'000'000);
  EXPECT_EQ(since("2026-11-24t10:00:00z"), 1'795'514'400'000'000);
  EXPECT_EQ(since("2026-11-24 10:00:00.25Z"), 1'795'514'400'250'000);
  EXPECT_EQ(since("2026-11-24T10:00:00.1234567Z"), 1'795'514'400'123'456);
  EXPECT_EQ(since("2026-11-24T11:30:00+01:30"), 1'795'514'400'000'000);
  EXPECT_EQ(since("2026-11-23T22:00:00-12:00"), 1'795'514'400'000'000);
  EXPECT_EQ(since("2024-02-29T00:00:00Z"), 1'709'164'800'000'000);
}

TEST(Since, IsNeverTheZeroThatMeansNow) {
  EXPECT_EQ(since("1970-01-01T00:00:00Z"), 1);
  EXPECT_EQ(since("1970-01-01T00:00:00+01:00"), 1);
}

TEST(Since, IsNothingElse) {
  for (const char* text :
       {"", "5", "yesterday", "-5m", "5 m", "2026-11-24", "2026-11-24T10:00:00",
        "2026-11-24T10:00Z", "2026-11-24T10:00:00Z ", "2026-11-24T10:00:00+0100",
        "2026-13-24T10:00:00Z", "2026-02-29T10:00:00Z", "2026-11-24T24:00:00Z",
        "2026-11-24T10:60:00Z", "+026-11-24T10:00:00Z", "2026-+1-24T10:00:00Z",
        "2026--1-24T10:00:00Z", "2026-11-24T-1:00:00Z", "2026-11-24T10:00:00+1:000"}) {
    const auto parsed = parse_since(text, kNow);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, ErrorCode::usage);
    EXPECT_NE(parsed.error().message.find("is no time"), std::string::npos);
  }
}

}  // namespace
}  // namespace xylem::cli
