#include "relay/cluster/task_notes.h"

#include <array>

namespace xylem::cluster {
namespace {

// celery/states.py, PRECEDENCE: the least is the best.
std::uint8_t precedence_of(Kind kind) {
  switch (kind) {
    case Kind::succeeded: return 0;
    case Kind::failed: return 1;
    case Kind::custom: return 2;
    case Kind::revoked: return 3;
    case Kind::started: return 4;
    case Kind::received: return 5;
    case Kind::rejected: return 6;
    case Kind::retried: return 7;
    case Kind::sent: return 8;
  }
  return 8;
}

constexpr std::uint8_t kRetry = 7;
constexpr std::uint8_t kPending = 8;

}  // namespace

TaskNote& TaskNotes::task_of(std::string_view uuid) {
  const std::uint64_t hash = hash_of(uuid, seed_);
  const std::uint32_t known =
      index_.find(hash, [&](std::uint32_t at) { return notes_[at].uuid == uuid; });
  if (known != TaskIndex::kNone) return notes_[known];
  std::size_t at = notes_.size();
  if (at < tasks_max_) {
    notes_.emplace_back();
  } else {
    at = oldest_;
    oldest_ = (oldest_ + 1) % tasks_max_;
    index_.remove(notes_[at].hash, static_cast<std::uint32_t>(at));
    ++forgotten_;
  }
  notes_[at] = {};
  notes_[at].uuid = uuid;
  notes_[at].hash = hash;
  notes_[at].precedence = kPending;
  index_.add(hash, static_cast<std::uint32_t>(at));
  return notes_[at];
}

const TaskNote& TaskNotes::note(const CountedEvent& event) {
  TaskNote& task = task_of(event.uuid);
  const Kind kind = kind_of(event.subject);
  if (kind == Kind::sent) task.sent = event.timestamp;
  if (kind == Kind::received) task.received = event.timestamp;
  if (kind == Kind::started) task.started = event.timestamp;
  const std::uint8_t precedence = precedence_of(kind);
  const bool stays =
      precedence != kRetry && task.precedence != kRetry && precedence > task.precedence;
  if (!stays) task.precedence = precedence;
  const EventView& fields = *event.fields;
  const auto merge = [&](EventField field, std::optional<std::string>& into) {
    if (!fields.has(field)) return false;
    into.reset();
    if (fields.json(field) != "null") {
      into = json_text(fields.json(field), scratch_).substr(0, kTextBytesMax);
    }
    return true;
  };
  static_cast<void>(merge(EventField::name, task.name));
  std::optional<std::string> eta;
  if (merge(EventField::eta, eta)) task.eta = eta.value_or("");
  // Of a received event that comes late the State takes those two, and nothing else that is kept.
  if (stays && kind == Kind::received) return task;
  task.hostname = event.hostname.substr(0, kTextBytesMax);
  if (merge(EventField::queue, task.queue)) task.has_queue = true;
  return task;
}

}  // namespace xylem::cluster
