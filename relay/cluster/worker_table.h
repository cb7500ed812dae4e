#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "relay/cluster/names.h"
#include "relay/codec/event_view.h"

namespace xylem::cluster {

// Whether a worker is there, as far as the relay can know it.
enum class Verdict : std::uint8_t {
  alive,
  late,     // one heartbeat is missing
  dead,     // said so, or was silent for Celery's window: twice the interval of its heartbeats
  unknown,  // silent, but the relay itself was blind meanwhile
};
inline constexpr std::size_t kVerdicts = 4;
[[nodiscard]] std::string_view name_of(Verdict verdict);

// A time of which the relay knows nothing: events between were lost on their way to the state, or
// it did not run.
struct Blindness {
  std::int64_t from_us = 0;
  std::int64_t to_us = 0;
  std::uint64_t events = 0;  // 0: nobody knows how many
};

// One worker as its events tell it. What it is called in Celery's Worker has Celery's name.
struct Worker {
  NameId hostname;
  std::uint32_t pid = 0;
  std::uint64_t clock = 0;
  double freq = 60;  // seconds; Celery's until the worker says another
  std::optional<double> active;
  std::optional<double> processed;
  std::string loadavg;  // JSON
  std::string sw_ident;
  std::string sw_ver;
  std::string sw_sys;

  std::int64_t first_us = 0;     // its first event here
  std::int64_t beat_us = 0;      // its last sign of life, by the relay's clock
  std::int64_t event_us = 0;     // the newest timestamp of its own
  std::int64_t skew_us = 0;      // relay's clock minus its own, with the way between
  std::int64_t online_us = 0;    // when it last came to life
  std::int64_t offline_us = 0;   // when it went; 0 while it is there
  std::int64_t farewell_us = 0;  // its own timestamp when it said so
  std::uint64_t farewell_clock = 0;
  bool offline_synthesised = false;  // nobody said so: its heartbeats stayed away
  std::uint32_t restarts = 0;
  std::array<std::int64_t, 4> turns_us{};  // when it last came or went, the newest first
  std::uint64_t events = 0;
  std::uint64_t late_events = 0;  // older than its farewell, which they did not undo
};

// Workers by host name, bounded in number: the one that has been dead for longest makes room.
// Pure; time is handed in. One owner thread.
class WorkerTable {
 public:
  struct Options {
    std::size_t workers_max = 5000;
  };
  // One sign of a worker: an event of its own, or of a task that it works on.
  struct Sign {
    NameId hostname;
    std::uint32_t pid = 0;
    std::uint64_t clock = 0;
    std::int64_t timestamp_us = 0;
    std::int64_t arrived_us = 0;
  };
  explicit WorkerTable(const Options& options) : options_(options) {}

  // The worker, made if it is new; nullptr if there is no room.
  Worker* see(const Sign& sign);
  // Of a worker-… event: what it says of itself. `subject` is "online", "heartbeat" or "offline".
  void describe(Worker& worker, const EventView& fields, std::string_view subject,
                const Sign& sign);
  // It is dead from now on; true if it was not.
  bool bury(Worker& worker, std::int64_t now_us);

  [[nodiscard]] Worker* find(NameId hostname);
  [[nodiscard]] const Worker* find(NameId hostname) const;
  [[nodiscard]] Verdict verdict(const Worker& worker, std::int64_t now_us,
                                std::int64_t blind_until_us) const;
  // It came and went twice within five minutes.
  [[nodiscard]] bool is_flapping(const Worker& worker, std::int64_t now_us) const;
  [[nodiscard]] std::deque<Worker>& all() { return workers_; }
  [[nodiscard]] const std::deque<Worker>& all() const { return workers_; }
  [[nodiscard]] std::uint64_t evicted() const { return evicted_; }
  [[nodiscard]] std::uint64_t turned_away() const { return turned_away_; }

 private:
  [[nodiscard]] Worker* make(NameId hostname);
  void revive(Worker& worker, std::int64_t now_us);
  static void note_turn(Worker& worker, std::int64_t now_us);

  Options options_;
  std::deque<Worker> workers_;
  std::vector<std::uint32_t> by_name_;  // plus one
  std::uint64_t evicted_ = 0;
  std::uint64_t turned_away_ = 0;
};

}  // namespace xylem::cluster
