#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <tl/expected.hpp>

#include "relay/zmtp/violation.h"

namespace xylem::zmtp {

// What stands before a frame: one octet of flags, then the size of the body in one octet or, above
// 255, in eight (ZMTP 3.1 §framing).
struct FrameHeader {
  bool more = false;     // further frames of the message follow
  bool command = false;  // not for the application
  std::uint64_t body_bytes = 0;
  std::size_t header_bytes = 0;
};
inline constexpr std::size_t kFrameHeaderBytesMax = 9;

// The header at the front of `in`; nothing if not all of it is there. A size of 0 that a command
// says in the short form is read as the first of eight octets: libzmq 4.3.3 and 4.3.4 forget the
// flag of the long form when they subscribe to a prefix of 246 octets and more, and a command
// cannot be empty. Errors: reserved_flags.
[[nodiscard]] tl::expected<std::optional<FrameHeader>, Violation> read_frame_header(
    std::span<const std::byte> in);

// Writes the header, and returns how long it is.
[[nodiscard]] std::size_t write_frame_header(std::array<std::byte, kFrameHeaderBytesMax>& out,
                                             const FrameHeader& header);

}  // namespace xylem::zmtp
