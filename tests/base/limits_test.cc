#include "relay/base/limits.h"

#include <gtest/gtest.h>

namespace xylem {
namespace {

std::uint64_t bytes_in(const char* text) {
  std::uint64_t bytes = 0;
  EXPECT_TRUE(parse_bytes(text, bytes)) << text;
  return bytes;
}

TEST(ParseBytes, ReadsBinaryUnitsAndPlainBytes) {
  EXPECT_EQ(bytes_in("0"), 0u);
  EXPECT_EQ(bytes_in("4096"), 4096u);
  EXPECT_EQ(bytes_in("4096 B"), 4096u);
  EXPECT_EQ(bytes_in("64KiB"), 65536u);
  EXPECT_EQ(bytes_in("1 MiB"), 1048576u);
  EXPECT_EQ(bytes_in("2GiB"), 2147483648u);
  EXPECT_EQ(bytes_in("18446744073709551615"), UINT64_MAX);
}

TEST(ParseBytes, RefusesWhatItCannotMeanAndLeavesTheValueAlone) {
  for (const char* text :
       {"", " ", "KiB", "-1", "+1", "1.5MiB", "64kb", "64KB", "64 kib", "64K", "64KiBB", "0x10",
        "18446744073709551616", "18446744073709551615KiB", "17179869184GiB"}) {
    std::uint64_t bytes = 7;
    EXPECT_FALSE(parse_bytes(text, bytes)) << text;
    EXPECT_EQ(bytes, 7u) << text;
  }
}

TEST(ParseDuration, ReadsANumberAndItsUnit) {
  using namespace std::chrono_literals;
  EXPECT_EQ(parse_duration("250ms").value(), 250ms);
  EXPECT_EQ(parse_duration("5s").value(), 5s);
  EXPECT_EQ(parse_duration("2m").value(), 2min);
  EXPECT_EQ(parse_duration("1.5h").value(), 90min);
  EXPECT_EQ(parse_duration("0s").value(), 0s);
}

TEST(ParseDuration, RefusesWhatItCannotMean) {
  for (const char* text :
       {"", "5", "s", "-1s", "+1s", "5 s", "5sec", "1d", "1e9s", "nans", "5s "}) {
    const auto parsed = parse_duration(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(
        parsed.error().message,
        "'" + std::string(text) + "' is not a duration; write \"250ms\", \"5s\", \"2m\" or \"1h\"");
  }
}

TEST(Limits, LeaveRoomForAListBehindAHalfFullBatch) {
  EXPECT_LE(kEventsPerListMax + kEventsPerBatchMax / 2, kEventsPerBatchMax);
}

TEST(Limits, LetAKeyIndexFitItsField) { EXPECT_LE(kEventsPerBatchMax, std::size_t{UINT16_MAX}); }

}  // namespace
}  // namespace xylem
