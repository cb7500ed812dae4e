#pragma once

#include <cstdint>
#include <string_view>

namespace xylem::zmtp {

// What a peer did that ends its connection. It is always ended by closing: an ERROR command, or any
// octet that a libzmq peer does not expect, makes that peer stay away for good, while one that is
// only closed on comes back (docs/transport.md §5).
enum class Violation : std::uint8_t {
  not_zmtp,                 // HTTP, TLS, ZMTP 1.0: seen with the first octet, or the tenth
  old_version,              // ZMTP 2.0
  other_mechanism,          // PLAIN, CURVE, GSSAPI
  handshake_too_large,      // a READY beyond kHandshakeBytesMax
  unexpected_in_handshake,  // anything but READY
  malformed_ready,
  wrong_socket_type,  // a PULL to a PULL, and whatever else makes no pair
  bad_identity,       // longer than 255 octets, or one that begins with 00 as ours do
  reserved_flags,     // also MORE on a command
  frame_too_large,    // told by its header, before any of its body
  message_too_large,  // all frames of it
  too_many_frames,    // of one message
  malformed_command,  // a PING below 7 octets, a command without a name
  too_many_prefixes,  // of one connection
  prefix_too_large
};
inline constexpr std::size_t kViolationCount = 15;

// "frame_too_large"
[[nodiscard]] std::string_view name_of(Violation violation);

}  // namespace xylem::zmtp
