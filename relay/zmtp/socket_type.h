#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace xylem::zmtp {

// The types that a READY can name.
enum class SocketType : std::uint8_t {
  pair,
  pub,
  sub,
  req,
  rep,
  dealer,
  router,
  pull,
  push,
  xpub,
  xsub
};

// "DEALER"; as it stands on the wire, where case counts.
[[nodiscard]] std::string_view name_of(SocketType type);
[[nodiscard]] std::optional<SocketType> socket_type_of(std::string_view name);

// Whether the two may be connected (RFC 28 to 31, and libzmq's session_base).
[[nodiscard]] bool make_a_pair(SocketType one, SocketType other);
// Whether its READY has an Identity, also an empty one: libzmq's rule.
[[nodiscard]] bool says_its_identity(SocketType type);

}  // namespace xylem::zmtp
