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

TEST(Limits, LeaveRoomForAListBehindAHalfFullBatch) {
  EXPECT_LE(kEventsPerListMax + kEventsPerBatchMax / 2, kEventsPerBatchMax);
}

TEST(Limits, LetAKeyIndexFitItsField) { EXPECT_LE(kEventsPerBatchMax, std::size_t{UINT16_MAX}); }

}  // namespace
}  // namespace xylem
