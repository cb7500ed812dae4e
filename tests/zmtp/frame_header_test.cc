#include "relay/zmtp/frame_header.h"

#include <gtest/gtest.h>

#include "tests/zmtp/wire.h"

namespace xylem::zmtp {
namespace {

using testing::octets_of;
using testing::wire;

std::string written(const FrameHeader& header) {
  std::array<std::byte, kFrameHeaderBytesMax> out;
  const std::size_t length = write_frame_header(out, header);
  return testing::text_of(std::span(out).first(length));
}

TEST(FrameHeader, IsShortUpTo255AndLongAbove) {
  EXPECT_EQ(written({false, false, 0, 0}), wire("00 00"));
  EXPECT_EQ(written({true, false, 255, 0}), wire("01 FF"));
  EXPECT_EQ(written({true, false, 256, 0}), wire("03 00 00 00 00 00 00 01 00"));
  EXPECT_EQ(written({false, true, 26, 0}), wire("04 1A"));
  EXPECT_EQ(written({false, true, 300, 0}), wire("06 00 00 00 00 00 00 01 2C"));
}

TEST(FrameHeader, IsReadAsItWasWritten) {
  for (const std::uint64_t bytes : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{255},
                                    std::uint64_t{256}, std::uint64_t{1} << 62}) {
    for (const int kind : {0, 1, 2}) {
      if (kind == 2 && bytes == 0) continue;  // no command is empty
      const std::string header = written({kind == 1, kind == 2, bytes, 0});
      for (std::size_t cut = 0; cut < header.size(); ++cut) {
        const auto part = read_frame_header(octets_of(header).first(cut));
        EXPECT_TRUE(part && !*part) << cut << " octets are no header yet";
      }
      const auto read = read_frame_header(octets_of(header));
      ASSERT_TRUE(read && *read);
      EXPECT_EQ((*read)->more, kind == 1);
      EXPECT_EQ((*read)->command, kind == 2);
      EXPECT_EQ((*read)->body_bytes, bytes);
      EXPECT_EQ((*read)->header_bytes, header.size());
    }
  }
}

TEST(FrameHeader, MayBeLongForAnything) {
  const auto read = read_frame_header(octets_of(wire("02 00 00 00 00 00 00 00 05")));
  ASSERT_TRUE(read && *read);
  EXPECT_EQ((*read)->body_bytes, 5u);
}

TEST(FrameHeader, IsRefusedWithTheFirstOctetOfReservedFlags) {
  for (int flags = 0; flags < 256; ++flags) {
    const bool legal = flags <= 4 || flags == 6;
    const char octet = static_cast<char>(flags);
    const auto read = read_frame_header(octets_of(std::string_view(&octet, 1)));
    EXPECT_EQ(read.has_value(), legal) << flags;
    EXPECT_TRUE(read || read.error() == Violation::reserved_flags);
  }
}

// libzmq 4.3.4, zmq_subscribe of 246 octets.
TEST(FrameHeader, ForgivesACommandThatForgotToSayThatItsSizeIsLong) {
  const auto read = read_frame_header(octets_of(wire("04 00 00 00 00 00 00 01 00")));
  ASSERT_TRUE(read && *read);
  EXPECT_EQ((*read)->body_bytes, 256u);
  EXPECT_EQ((*read)->header_bytes, 9u);
}

}  // namespace
}  // namespace xylem::zmtp
