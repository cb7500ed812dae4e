#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "relay/base/ids.h"
#include "relay/base/relay_chain.h"
#include "relay/base/result.h"

namespace xylem {

// What the two ends of a stream or of an acked link say besides batches (schema/control.fbs has the
// meaning of each field, docs/protocol.md §5 and §7 the rules), as plain values. Pure; any thread.

inline constexpr std::uint16_t kStreamProtocol = 1;
inline constexpr std::uint16_t kAckedProtocol = 1;

enum class Overflow : std::uint8_t { drop_oldest, drop_newest, block, disconnect, spill };
[[nodiscard]] std::string_view name_of(Overflow overflow);
// The word of the configuration. Errors: bad_configuration, listing the words.
[[nodiscard]] Result<Overflow> parse_overflow(std::string_view name);

enum class GapReason : std::uint8_t { overflow, reconnect, retention, unreadable };
[[nodiscard]] std::string_view name_of(GapReason reason);

enum class ByeReason : std::uint8_t { closing, unknown_session, refused, too_slow, silent };
[[nodiscard]] std::string_view name_of(ByeReason reason);

enum class AckLevel : std::uint8_t { received, written, synced };
[[nodiscard]] std::string_view name_of(AckLevel level);
// The word of the configuration. Errors: bad_configuration, listing the words.
[[nodiscard]] Result<AckLevel> parse_ack_level(std::string_view name);

struct Hello {
  std::uint16_t protocol = kStreamProtocol;
  std::string name;
  std::vector<std::string> patterns;
  Overflow overflow = Overflow::drop_oldest;
  std::uint64_t tap_bytes_max = 0;
  std::uint64_t tap_events_max = 0;
  std::uint64_t credit_bytes = 0;
  bool shapes = false;
  // Where to begin, if not now: with an event (`resume_epoch` not 0), or with what was taken in at
  // `since_us` (not 0), wall clock, or, which goes first, so long ago (`since_age_ms`, not 0).
  Epoch resume_epoch{};
  Sequence resume_sequence{};
  std::int64_t since_us = 0;
  std::uint64_t since_age_ms = 0;
  [[nodiscard]] bool asks_for_past() const {
    return resume_epoch != Epoch{} || since_us != 0 || since_age_ms != 0;
  }
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
  // How far this subscriber has been served; an epoch of 0 says nothing.
  Epoch served_epoch{};
  Sequence served_sequence{};
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
struct SourceHello {
  std::uint16_t protocol = kAckedProtocol;
  std::string name;
  SourceId source;
  BatchNumber first_unacked{1};
  AckLevel level = AckLevel::received;
  std::int64_t wall_us = 0;  // the source's clock as it says Hello; 0: its batches say no time
};
struct SourceWelcome {
  std::uint16_t protocol = kAckedProtocol;
  std::uint64_t session = 0;
  BatchNumber acked;
  std::uint64_t window_bytes = 0;
  std::uint64_t frame_bytes_max = 0;
  std::uint32_t heartbeat_ms = 0;
  RelayChain relays{};  // where its events go; empty: not said
};
struct Ack {
  std::uint64_t session = 0;
  BatchNumber acked;
  BatchNumber missing;  // 0: none
  RelayChain relays{};  // as in SourceWelcome; empty: as was said last
};
// What a newer program says and this one does not know: nothing said. Only ever read.
struct Unknown {};
using Control =
    std::variant<Hello, Welcome, Credit, Alive, Gap, Bye, SourceHello, SourceWelcome, Ack, Unknown>;

[[nodiscard]] bool is_control_frame(std::span<const std::byte> frame) noexcept;
// Errors: malformed.
[[nodiscard]] Result<Control> read_control(std::span<const std::byte> frame);
// REQUIRES no Unknown.
[[nodiscard]] std::vector<std::byte> write_control(const Control& control);

}  // namespace xylem
