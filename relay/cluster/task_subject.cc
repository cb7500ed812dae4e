#include "relay/cluster/task_subject.h"

#include <fmt/format.h>

namespace xylem::cluster {

TaskSubject::TaskSubject(const State& state, TaskNumber number)
    : state_(state), task_(state.tasks().at(number)) {}

const Life& TaskSubject::life() const {
  if (!life_) life_.emplace(task_.newest);
  return *life_;
}

std::string_view TaskSubject::named(TaskList list, const Names& names) const {
  const std::string_view name = names.text(task_.group(list));
  if (name.empty()) return {};
  text_.clear();
  append_json_text(text_, name);
  return text_;
}

std::string_view TaskSubject::time_of(Kind kind) const {
  const Placed* const last = life().last(kind);
  if (last == nullptr) return {};
  text_ = fmt::format("{:.6f}", static_cast<double>(last->sighting->timestamp_us) / 1e6);
  return text_;
}

std::string_view TaskSubject::json(FilterKey key) const {
  const auto number = [&](std::uint64_t value) {
    text_ = std::to_string(value);
    return std::string_view(text_);
  };
  switch (key) {
    case FilterKey::uuid:
      text_.clear();
      append_json_text(text_, task_.uuid());
      return text_;
    case FilterKey::name: return named(TaskList::name, state_.names());
    case FilterKey::state: return named(TaskList::state, state_.states());
    case FilterKey::worker: return named(TaskList::worker, state_.hosts());
    case FilterKey::queue: return named(TaskList::queue, state_.queues());
    case FilterKey::root: return life().value(EventField::root_id);
    case FilterKey::parent: return life().value(EventField::parent_id);
    case FilterKey::sent: return time_of(Kind::sent);
    case FilterKey::received: return time_of(Kind::received);
    case FilterKey::started: return time_of(Kind::started);
    case FilterKey::succeeded: return time_of(Kind::succeeded);
    case FilterKey::failed: return time_of(Kind::failed);
    case FilterKey::retried: return time_of(Kind::retried);
    case FilterKey::revoked: return time_of(Kind::revoked);
    case FilterKey::rejected: return time_of(Kind::rejected);
    case FilterKey::timestamp: return time_of(life().current()->sighting->kind);
    case FilterKey::retries: return number(life().current()->attempt);
    case FilterKey::clock: return number(life().current()->sighting->clock);
    case FilterKey::pid: return number(life().current()->sighting->pid);
    case FilterKey::client: {
      const Placed* const sent = life().last(Kind::sent);
      if (sent == nullptr) return {};
      text_.clear();
      append_json_text(text_, state_.hosts().text(sent->sighting->host));
      return text_;
    }
    // Of one event, which a task is not.
    case FilterKey::type:
    case FilterKey::key:
    case FilterKey::has: return {};
    default: {
      const auto field = event_field(name_of(key));
      return field ? life().value(*field) : std::string_view();
    }
  }
}

bool takes(const Filter& filter, const State& state, TaskNumber number, std::int64_t now_us) {
  return filter.matches_all() || filter.matches(TaskSubject(state, number), now_us);
}

}  // namespace xylem::cluster
