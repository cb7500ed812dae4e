#include "relay/codec/iso_time.h"

#include <gtest/gtest.h>

namespace xylem {
namespace {

constexpr std::int64_t kSecond = 1'000'000;

TEST(IsoTime, IsReadAsCeleryWritesIt) {
  EXPECT_EQ(microseconds_of_iso("1970-01-01T00:00:01"), 1 * kSecond);
  EXPECT_EQ(microseconds_of_iso("1970-01-01T00:00:01.25+00:00"), 1'250'000);
  EXPECT_EQ(microseconds_of_iso("1970-01-01T02:00:01.250000+02:00"), 1'250'000);
  EXPECT_EQ(microseconds_of_iso("1970-01-01T00:00:01Z"), 1 * kSecond);
  EXPECT_EQ(microseconds_of_iso("2026-11-28T08:00:00"), 1'795'852'800 * kSecond);
  for (const char* wrong : {"", "now", "1970-13-01T00:00:00", "1970-01-01", "1970-02-30T00:00:00",
                            "1970-01-01T00:00:00+2"}) {
    EXPECT_FALSE(microseconds_of_iso(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace xylem
