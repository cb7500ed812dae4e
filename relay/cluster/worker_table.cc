#include "relay/cluster/worker_table.h"

#include <algorithm>
#include <utility>

namespace xylem::cluster {
namespace {

constexpr double kLateBeats = 1.5;
constexpr double kDeadBeats = 2;  // HEARTBEAT_EXPIRE_WINDOW of celery/events/state.py
constexpr std::int64_t kFlappingUs = 300'000'000;
constexpr double kFreqMax = 3600;

std::int64_t beats_us(const Worker& worker, double beats) {
  return static_cast<std::int64_t>(worker.freq * beats * 1e6);
}

void set_text(std::string& text, std::string_view json) {
  std::string scratch;
  if (is_json_text(json)) text = json_text(json, scratch).substr(0, 64);
}

}  // namespace

std::string_view name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::alive: return "alive";
    case Verdict::late: return "late";
    case Verdict::dead: return "dead";
    case Verdict::unknown: return "unknown";
  }
  return "unknown";
}

Worker* WorkerTable::find(NameId hostname) {
  if (hostname.value >= by_name_.size() || by_name_[hostname.value] == 0) return nullptr;
  return &workers_[by_name_[hostname.value] - 1];
}

const Worker* WorkerTable::find(NameId hostname) const {
  return const_cast<WorkerTable*>(this)->find(hostname);
}

Worker* WorkerTable::make(NameId hostname) {
  if (by_name_.size() <= hostname.value) by_name_.resize(hostname.value + 1);
  if (workers_.size() < options_.workers_max) {
    workers_.emplace_back();
    by_name_[hostname.value] = static_cast<std::uint32_t>(workers_.size());
    return &workers_.back();
  }
  Worker* longest_dead = nullptr;
  for (Worker& worker : workers_) {
    if (worker.offline_us == 0) continue;
    if (longest_dead == nullptr || worker.offline_us < longest_dead->offline_us) {
      longest_dead = &worker;
    }
  }
  if (longest_dead == nullptr) {
    ++turned_away_;
    return nullptr;
  }
  ++evicted_;
  by_name_[hostname.value] = std::exchange(by_name_[longest_dead->hostname.value], 0);
  *longest_dead = Worker{};
  return longest_dead;
}

Worker* WorkerTable::see(const Sign& sign) {
  if (!sign.hostname) return nullptr;
  Worker* worker = find(sign.hostname);
  if (worker == nullptr) {
    worker = make(sign.hostname);
    if (worker == nullptr) return nullptr;
    worker->hostname = sign.hostname;
    worker->first_us = sign.arrived_us;
    worker->skew_us = sign.arrived_us - sign.timestamp_us;
    worker->online_us = sign.arrived_us;
  }
  ++worker->events;
  // The least that was ever seen is the clocks' difference and the shortest way; what is above it
  // is how long this event has been under way, and it was sent before that.
  worker->skew_us = std::min(worker->skew_us, sign.arrived_us - sign.timestamp_us);
  const std::int64_t sent_us = sign.timestamp_us + worker->skew_us;
  const bool is_newest = sign.timestamp_us >= worker->event_us;
  if (worker->offline_us != 0 && !worker->offline_synthesised) {
    const bool is_before =
        sign.timestamp_us <= worker->farewell_us && (sign.pid == 0 || sign.pid == worker->pid);
    if (is_before) {
      ++worker->late_events;
      return worker;
    }
  }
  // One that is buried for silence comes back with what it sends after, not with what it had sent.
  if (worker->offline_us != 0 && worker->offline_synthesised && sent_us <= worker->beat_us) {
    ++worker->late_events;
    return worker;
  }
  worker->beat_us = std::max(worker->beat_us, sent_us);
  if (is_newest) {
    const bool is_other = worker->pid != 0 && sign.pid != 0 && sign.pid != worker->pid;
    const bool is_reset =
        sign.clock != 0 && sign.clock < worker->clock / 2 && sign.timestamp_us > worker->event_us;
    if (is_other || is_reset) ++worker->restarts;
    if (sign.pid != 0) worker->pid = sign.pid;
    if (sign.clock != 0) worker->clock = sign.clock;
    worker->event_us = sign.timestamp_us;
  }
  if (worker->offline_us != 0) revive(*worker, sign.arrived_us);
  return worker;
}

void WorkerTable::describe(Worker& worker, const EventView& fields, std::string_view subject,
                           const Sign& sign) {
  if (sign.timestamp_us < worker.event_us) return;  // there was a newer one
  if (const auto freq = json_number(fields.json(EventField::freq))) {
    if (*freq > 0) worker.freq = std::min(*freq, kFreqMax);
  }
  // A reply to a wake-up leaves these out, which is not "none".
  if (const auto active = json_number(fields.json(EventField::active))) worker.active = active;
  if (const auto done = json_number(fields.json(EventField::processed))) worker.processed = done;
  const std::string_view loadavg = fields.json(EventField::loadavg);
  if (!loadavg.empty() && loadavg.size() <= 256) worker.loadavg = loadavg;
  set_text(worker.sw_ident, fields.json(EventField::sw_ident));
  set_text(worker.sw_ver, fields.json(EventField::sw_ver));
  set_text(worker.sw_sys, fields.json(EventField::sw_sys));
  if (subject != "offline") return;
  worker.farewell_us = sign.timestamp_us;
  worker.farewell_clock = sign.clock;
  worker.offline_synthesised = false;
  if (worker.offline_us == 0) {
    worker.offline_us = sign.arrived_us;
    note_turn(worker, sign.arrived_us);
  }
}

bool WorkerTable::bury(Worker& worker, std::int64_t now_us) {
  if (worker.offline_us != 0) return false;
  worker.offline_us = now_us;
  worker.offline_synthesised = true;
  note_turn(worker, now_us);
  return true;
}

void WorkerTable::revive(Worker& worker, std::int64_t now_us) {
  worker.offline_us = 0;
  worker.offline_synthesised = false;
  worker.online_us = now_us;
  note_turn(worker, now_us);
}

void WorkerTable::note_turn(Worker& worker, std::int64_t now_us) {
  std::copy_backward(worker.turns_us.begin(), worker.turns_us.end() - 1, worker.turns_us.end());
  worker.turns_us.front() = now_us;
}

Verdict WorkerTable::verdict(const Worker& worker, std::int64_t now_us,
                             std::int64_t blind_until_us) const {
  if (worker.offline_us != 0) return Verdict::dead;
  const std::int64_t silent_us = now_us - worker.beat_us;
  if (silent_us < beats_us(worker, kLateBeats)) return Verdict::alive;
  // Since it can see again the relay must have missed as many beats as of anybody.
  const std::int64_t seeing_us = now_us - blind_until_us;
  if (blind_until_us > worker.beat_us && seeing_us < beats_us(worker, kDeadBeats)) {
    return Verdict::unknown;
  }
  return silent_us < beats_us(worker, kDeadBeats) ? Verdict::late : Verdict::dead;
}

bool WorkerTable::is_flapping(const Worker& worker, std::int64_t now_us) const {
  const std::int64_t oldest = worker.turns_us.back();
  return oldest != 0 && now_us - oldest < kFlappingUs;
}

}  // namespace xylem::cluster
