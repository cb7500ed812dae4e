#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "relay/base/ids.h"
#include "relay/base/result.h"

namespace xylem {

// What a stream subscriber and the relay say besides batches (schema/control.fbs has the meaning of
// each field, docs/protocol.md §5 the rules), as plain values. Pure; any thread.

inline constexpr std::uint16_t kStreamProtocol = 1;

enum class Overflow : std::uint8_t { drop_oldest, drop_newest, block, disconnect };
[[nodiscard]] std::string_view name_of(Overflow overflow);
// The word of the configuration. Errors: bad_configuration, listing the words.
[[nodiscard]] Result<Overflow> parse_overflow(std::string_view name);

enum class GapReason : std::uint8_t { overflow, reconnect };
[[nodiscard]] std::string_view name_of(GapReason reason);

enum class ByeReason : std::uint8_t { closing, unknown_session, refused, too_slow, silent };
[[nodiscard]] std::string_view name_of(ByeReason reason);

struct Hello {
  std::uint16_t protocol = kStreamProtocol;
  std::string name;
  std::vector<std::string> patterns;
  Overflow overflow = Overflow::drop_oldest;
  std::uint64_t tap_bytes_max = 0;
  std::uint64_t tap_events_max = 0;
  std::uint64_t credit_bytes = 0;
  bool shapes = false;
};
struct Welcome {
  std::uint16_t protocol = kStreamProtocol;
  std::uint64_t session = 0;
  Epoch epoch;
  Sequence next_sequence;
  std::uint64_t credit_bytes_max = 0;
  std::uint32_t heartbeat_ms = 0;
};
struct Credit {
  std::uint64_t session = 0;
  std::uint64_t granted_bytes = 0;
  bool answer = false;
};
struct Alive {
  Epoch epoch;
  Sequence next_sequence;
};
struct Gap {
  Epoch epoch;
  Sequence first;
  Sequence last;
  std::uint64_t count = 0;
  GapReason reason = GapReason::overflow;
};
struct Bye {
  ByeReason reason = ByeReason::closing;
  std::string text;
};
// What a newer program says and this one does not know: nothing said. Only ever read.
struct Unknown {};
using Control = std::variant<Hello, Welcome, Credit, Alive, Gap, Bye, Unknown>;

[[nodiscard]] bool is_control_frame(std::span<const std::byte> frame) noexcept;
// Errors: malformed.
[[nodiscard]] Result<Control> read_control(std::span<const std::byte> frame);
// REQUIRES no Unknown.
[[nodiscard]] std::vector<std::byte> write_control(const Control& control);

}  // namespace xylem
