#include "relay/spool/crc32c.h"

#include <gtest/gtest.h>

#include <array>

#include "tests/doubles/bytes.h"
#include "tests/doubles/chance.h"

namespace xylem {
namespace {

using testing::Bytes;
using testing::bytes_of;

// RFC 3720 appendix B.4.
TEST(Crc32c, IsThatOfTheRfcsExamples) {
  EXPECT_EQ(crc32c(Bytes(32, std::byte{0x00})), 0x8A9136AAU);
  EXPECT_EQ(crc32c(Bytes(32, std::byte{0xFF})), 0x62A8AB43U);
  Bytes ascending;
  for (int i = 0; i < 32; ++i) ascending.push_back(static_cast<std::byte>(i));
  EXPECT_EQ(crc32c(ascending), 0x46DD794EU);
}

TEST(Crc32c, OfNothingIsWhereItBegan) {
  EXPECT_EQ(crc32c({}), 0U);
  EXPECT_EQ(crc32c({}, 17), 17U);
}

TEST(Crc32c, GoesOnFromWhereItWas) {
  const Bytes whole = bytes_of("one after the other");
  const auto first = std::span<const std::byte>(whole).first(7);
  EXPECT_EQ(crc32c(std::span<const std::byte>(whole).subspan(7), crc32c(first)), crc32c(whole));
}

TEST(Crc32c, IsTheSameByInstructionAndByTable) {
  for (const std::uint64_t seed : testing::seeds(50)) {
    SCOPED_TRACE(testing::named(seed));
    testing::Chance chance(seed);
    Bytes bytes(chance.below(300));
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(chance.any());
    const auto begin = static_cast<std::uint32_t>(chance.any());
    ASSERT_EQ(crc32c(bytes, begin), crc32c_by_table(bytes, begin));
  }
}

}  // namespace
}  // namespace xylem
