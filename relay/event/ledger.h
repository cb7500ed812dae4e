#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace xylem {

// Why a tap did not deliver an event that matched its filter.
enum class DropReason : std::uint8_t {
  overflow_oldest,  // the tap was full and let go of its oldest
  overflow_newest,  // the tap was full and did not take the newest
  disconnected,     // the subscriber left, or was cut off, with events still held
  subscriber_full,  // publish: the queue of at least one subscriber's socket was full
  stopping,         // the relay's drain deadline passed
  spool_quota,      // the spool had no room, and its policy let go of it
  spool_damaged,    // the spool could not give it back
  too_large,        // the relay upstream, or the broker, takes nothing as large
  stale,            // a heartbeat that came too late to mean that anybody lives
  unroutable,       // AMQP: the broker had no queue for it
  refused,          // the relay upstream, or the broker, refuses it whenever it comes
  invalid,          // AMQP: a worker's event that could stop Celery's workers
};
inline constexpr std::size_t kDropReasonCount = 12;
[[nodiscard]] std::string_view name_of(DropReason reason);

// A tap's account of every event that was offered to it, in events. It balances at any time:
//   accepted = delivered + filtered + dropped + held
struct Ledger {
  std::uint64_t accepted = 0;   // offered to the tap, whatever its filter says
  std::uint64_t delivered = 0;  // handed to the subscriber's connection
  std::uint64_t filtered = 0;   // not matched by the tap's filter
  std::uint64_t held = 0;       // in the tap's queue now
  std::array<std::uint64_t, kDropReasonCount> dropped{};

  [[nodiscard]] std::uint64_t dropped_total() const;
  [[nodiscard]] bool balances() const {
    return accepted == delivered + filtered + dropped_total() + held;
  }
  // Moves events out of `held`.
  void drop_held(DropReason reason, std::uint64_t events);
  Ledger& operator+=(const Ledger& other);
};

}  // namespace xylem
