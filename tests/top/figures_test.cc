#include "relay/top/figures.h"

#include <gtest/gtest.h>

namespace xylem::top {
namespace {

TEST(Figures, HaveThreeDigitsOfADuration) {
  EXPECT_EQ(duration_text(0.0000123), "12us");
  EXPECT_EQ(duration_text(0.25), "250ms");
  EXPECT_EQ(duration_text(0.9999), "1.00s");
  EXPECT_EQ(duration_text(1.534), "1.53s");
  EXPECT_EQ(duration_text(12.34), "12.3s");
  EXPECT_EQ(duration_text(59.96), "1m00s");
  EXPECT_EQ(duration_text(187), "3m07s");
  EXPECT_EQ(duration_text(7500), "2h05m");
  EXPECT_EQ(duration_text(270'000), "3d03h");
  EXPECT_EQ(duration_text(-1), "-");
  EXPECT_EQ(duration_text(std::nan("")), "-");
  for (const double seconds : {0.0, 0.99951, 9.9951, 59.951, 3599.6, 86'399.6, 1e9, 1e300}) {
    EXPECT_LE(duration_text(seconds).size(), 7u) << seconds;
  }
}

TEST(Figures, GroupTheDigitsOfACount) {
  EXPECT_EQ(count_text(0), "0");
  EXPECT_EQ(count_text(999), "999");
  EXPECT_EQ(count_text(1000), "1,000");
  EXPECT_EQ(count_text(12'345'678), "12,345,678");
  EXPECT_EQ(rate_text(0.25), "0.25");
  EXPECT_EQ(rate_text(12.34), "12.3");
  EXPECT_EQ(rate_text(1234), "1,234");
}

TEST(Figures, TakeNothingForGrantedOfWhoAnswers) {
  const Json json = Json::parse(R"({"n": 7, "big": "18446744073709551615", "t": {"seconds": 1.5},
                                    "list": [1], "s": "x", "nan": "nan"})");
  EXPECT_EQ(number_at(json, "n"), 7);
  EXPECT_EQ(number_at(json, "big"), 18446744073709551615.0);
  EXPECT_EQ(number_at(json, "s"), std::nullopt);
  EXPECT_EQ(number_at(json, "nan"), std::nullopt);
  EXPECT_EQ(number_at(json["list"], "n"), std::nullopt);
  EXPECT_EQ(time_at(json, "t"), 1.5);
  EXPECT_EQ(time_at(json, "n"), std::nullopt);
  EXPECT_EQ(text_at(json, "s"), "x");
  EXPECT_EQ(text_at(json, "n"), "");
  EXPECT_EQ(value_text(json["list"]), "[1]");
  EXPECT_EQ(value_text(Json(nullptr)), "");
}

}  // namespace
}  // namespace xylem::top
