#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace xylem {

// What a bridge has to know of a worker's own event. Celery's Gossip reads these outside of any
// guard: one that is not as it must be can stop the consumer of every gossiping worker
// (users-and-celery-facts §4.4), so nothing goes to a live exchange that was not held against this.
struct WorkerEvent {
  enum class Kind : std::uint8_t { heartbeat, online, offline, elect, elect_ack, other };
  Kind kind = Kind::other;
  std::string hostname;
};

// Errors: what is wrong with it, for the log. Pure; any thread.
[[nodiscard]] tl::expected<WorkerEvent, std::string> read_worker_event(std::string_view key,
                                                                       std::string_view body);

// The same heartbeat, announcing another interval in `freq`, in seconds. REQUIRES one that
// read_worker_event() took.
[[nodiscard]] std::string with_freq(std::string_view heartbeat, double freq);

}  // namespace xylem
