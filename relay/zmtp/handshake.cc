#include "relay/zmtp/handshake.h"

#include <algorithm>
#include <cstring>

#include "relay/base/check.h"
#include "relay/zmtp/frame_header.h"

namespace xylem::zmtp {
namespace {

// Where the parts of a greeting stand.
constexpr std::size_t kSignatureEnd = 9;
constexpr std::size_t kMajor = 10;
constexpr std::size_t kMinor = 11;
constexpr std::size_t kMechanism = 12;
constexpr std::size_t kMechanismBytes = 20;
constexpr std::string_view kNull{"NULL\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", kMechanismBytes};

std::byte octet(int value) { return static_cast<std::byte>(value); }

}  // namespace

std::string Handshake::opening(SocketType ours, std::string_view identity) {
  std::string greeting(kGreetingBytes, '\0');
  greeting[0] = '\xFF';
  greeting[8] = '\1';  // read as a length by a peer that speaks ZMTP 1.0
  greeting[kSignatureEnd] = '\x7F';
  greeting[kMajor] = '\3';
  greeting[kMinor] = '\1';
  greeting.replace(kMechanism, kMechanismBytes, kNull);
  write_ready(greeting, ours, identity);
  return greeting;
}

std::size_t Handshake::take(std::span<const std::byte> in) {
  XYLEM_CHECK(state_ == State::unfinished, "a handshake is over once");
  std::size_t taken = 0;
  while (state_ == State::unfinished && greeted_ < kGreetingBytes && taken < in.size()) {
    take_greeting(in[taken++]);
  }
  // READY is a frame of its own; one octet more than it has belongs to what comes behind.
  while (state_ == State::unfinished && taken < in.size()) {
    ready_ += static_cast<char>(in[taken++]);
    take_ready();
  }
  return taken;
}

// Held against the rules octet by octet, so that a browser is told from a worker by its first.
void Handshake::take_greeting(std::byte value) {
  const std::size_t at = greeted_++;
  greeting_[at] = value;
  if (at == 0 && value != octet(0xFF)) return refuse(Violation::not_zmtp);
  if (at == kSignatureEnd && (value & octet(1)) == octet(0)) return refuse(Violation::not_zmtp);
  if (at == kMajor && value < octet(3)) return refuse(Violation::old_version);
  if (at == kMechanism + kMechanismBytes - 1 &&
      std::memcmp(&greeting_[kMechanism], kNull.data(), kMechanismBytes) != 0) {
    return refuse(Violation::other_mechanism);
  }
}

void Handshake::take_ready() {
  const auto bytes = std::as_bytes(std::span(ready_));
  const auto header = read_frame_header(bytes);
  if (!header) return refuse(header.error());
  if (!*header) return;
  if (!(*header)->command) return refuse(Violation::unexpected_in_handshake);
  if ((*header)->body_bytes > kReadyBytesMax) return refuse(Violation::handshake_too_large);
  if (bytes.size() < (*header)->header_bytes + (*header)->body_bytes) return;
  const auto command = read_command(bytes.subspan((*header)->header_bytes));
  if (!command) return refuse(command.error());
  const auto* ready = std::get_if<Ready>(&*command);
  if (ready == nullptr) return refuse(Violation::unexpected_in_handshake);
  if (ready->type && !make_a_pair(ours_, *ready->type)) {
    return refuse(Violation::wrong_socket_type);
  }
  peer_ = {ready->type, std::to_integer<std::uint8_t>(greeting_[kMinor]),
           std::string(ready->identity)};
  // Versions above 3 speak as 3.1 to us.
  if (greeting_[kMajor] > octet(3)) peer_.minor = 1;
  state_ = State::connected;
  ready_ = {};
}

void Handshake::refuse(Violation why) {
  state_ = State::refused;
  violation_ = why;
}

}  // namespace xylem::zmtp
