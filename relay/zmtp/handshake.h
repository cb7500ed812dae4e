#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "relay/zmtp/command.h"
#include "relay/zmtp/socket_type.h"
#include "relay/zmtp/violation.h"

namespace xylem::zmtp {

inline constexpr std::size_t kGreetingBytes = 64;
inline constexpr std::size_t kReadyBytesMax = std::size_t{4} << 10;

// Who the other side says it is.
struct Peer {
  std::optional<SocketType> type;
  std::uint8_t minor = 0;  // of ZMTP 3; libzmq up to 4.3.2 says 0
  std::string identity;    // often empty
};

// One end of the handshake of ZMTP 3.x with mechanism NULL: both sides send a greeting and READY,
// in any order. No socket, no clock. One owner thread.
//
// Behind our READY nothing may be sent until the peer's has come: a libzmq peer that is still in
// its handshake hangs up on it, and if it had connected to us, never comes back.
class Handshake {
 public:
  explicit Handshake(SocketType ours) : ours_(ours) {}

  // Greeting and READY in one piece, which every libzmq from 4.0 on takes. To be sent once.
  [[nodiscard]] static std::string opening(SocketType ours, std::string_view identity);

  enum class State : std::uint8_t { unfinished, connected, refused };
  // Takes what the peer's handshake needs from the front of `in`, which may be cut anywhere, and
  // returns how many octets that were; what is behind them is traffic. REQUIRES unfinished.
  [[nodiscard]] std::size_t take(std::span<const std::byte> in);

  [[nodiscard]] State state() const { return state_; }
  // REQUIRES connected.
  [[nodiscard]] const Peer& peer() const { return peer_; }
  // REQUIRES refused.
  [[nodiscard]] Violation violation() const { return *violation_; }

 private:
  void take_greeting(std::byte octet);
  void take_ready();
  void refuse(Violation why);

  SocketType ours_;
  State state_ = State::unfinished;
  std::array<std::byte, kGreetingBytes> greeting_{};
  std::size_t greeted_ = 0;
  std::string ready_;  // the frame so far
  Peer peer_;
  std::optional<Violation> violation_;
};

}  // namespace xylem::zmtp
