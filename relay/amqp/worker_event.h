#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace xylem {

// What a bridge has to know of a worker's own event. Celery's Gossip reads these outside of any
// guard: one that is not as it must be stops every gossiping worker (tests/bridge/test_gossip.py
// shows it), so nothing goes to a live exchange that was not held against this.
struct WorkerEvent {
  enum class Kind : std::uint8_t { heartbeat, online, offline, elect, elect_ack, other };
  Kind kind = Kind::other;
  std::string hostname;
  // A heartbeat that was asked for: it has other fields (celery/worker/control.py, heartbeat).
  bool is_answer = false;
};

// Errors: what is wrong with it, for the log. Pure; any thread.
[[nodiscard]] tl::expected<WorkerEvent, std::string> read_worker_event(std::string_view key,
                                                                       std::string_view body);

// The same heartbeat, announcing another interval in `freq`, in seconds. REQUIRES one that
// read_worker_event() took.
[[nodiscard]] std::string with_freq(std::string_view heartbeat, double freq);

}  // namespace xylem
