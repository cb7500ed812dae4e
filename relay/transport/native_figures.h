#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "relay/zmtp/violation.h"

namespace xylem {

// What the native sockets of a process have come to, for whoever asks: written by their threads,
// read by any. Nothing is counted per message.
struct NativeFigures {
  using Count = std::atomic<std::uint64_t>;

  // Why a connection was ended by us, beside violations of the protocol.
  enum class Ended : std::uint8_t {
    handshake_slow,     // not connected within 5 s
    handshake_crowded,  // many others were in the handshake as well, and it for longest
    silent,             // said nothing for longer than it had announced
    input_full,         // of all it had most of a message that was not whole
    identity_taken,     // another connection has the identity that it said
    identity_left       // another said its identity after it had been silent for long
  };
  static constexpr std::size_t kEndedCount = 6;

  Count connections{0};  // now
  Count accepted{0};
  Count input_bytes{0};   // now, of messages that are not whole
  Count output_bytes{0};  // now, that wait to be written
  Count prefixes_refused{0};
  Count cancels{0};  // of prefixes that nobody else has, or that it never had
  Count accept_pauses{0};
  std::array<Count, kEndedCount> ended{};
  std::array<Count, zmtp::kViolationCount> violations{};

  static void add(Count& count, std::uint64_t more) {
    count.fetch_add(more, std::memory_order_relaxed);
  }
  void add(Ended why) { add(ended[static_cast<std::size_t>(why)], 1); }
  void add(zmtp::Violation why) { add(violations[static_cast<std::size_t>(why)], 1); }
};

[[nodiscard]] constexpr std::string_view name_of(NativeFigures::Ended why) {
  constexpr std::array<std::string_view, NativeFigures::kEndedCount> kNames{
      "handshake_slow", "handshake_crowded", "silent",
      "input_full",     "identity_taken",    "identity_left"};
  return kNames[static_cast<std::size_t>(why)];
}

}  // namespace xylem
