#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <variant>

#include "relay/zmtp/socket_type.h"
#include "relay/zmtp/violation.h"

namespace xylem::zmtp {

// The bodies of command frames (ZMTP 3.1 §commands). Texts are views into what was read.
struct Ready {
  // None: libzmq takes such a peer for one that fits, and so do we.
  std::optional<SocketType> type;
  std::string_view identity;
};
struct Subscribe {
  std::string_view prefix;
};
struct Cancel {
  std::string_view prefix;
};
struct Ping {
  std::uint16_t ttl_tenths = 0;  // how long its sender may hear nothing before it is gone; 0: ever
  std::string_view context;      // what the PONG is to say
};
struct Pong {};
// ERROR, JOIN, and whatever later versions have; dropped, as libzmq does.
struct OtherCommand {};
using Command = std::variant<Ready, Subscribe, Cancel, Ping, Pong, OtherCommand>;

inline constexpr std::size_t kPingContextBytesMax = 16;
inline constexpr std::size_t kIdentityBytesMax = 255;

// Errors: malformed_command, malformed_ready, wrong_socket_type (one that does not exist),
// bad_identity.
[[nodiscard]] tl::expected<Command, Violation> read_command(std::span<const std::byte> body);

// Each appends a whole frame. `identity` is only said by types that do.
void write_ready(std::string& out, SocketType type, std::string_view identity);
void write_subscription(std::string& out, bool wanted, std::string_view prefix);
// As messages, for a peer that announced minor version 0.
void write_old_subscription(std::string& out, bool wanted, std::string_view prefix);
void write_ping(std::string& out, std::uint16_t ttl_tenths);
void write_pong(std::string& out, std::string_view context);

}  // namespace xylem::zmtp
