#include "relay/filter/event_subject.h"

#include "relay/event/routing_key.h"

namespace xylem {

std::string state_after(std::string_view subject) {
  constexpr std::pair<std::string_view, std::string_view> kStates[] = {
      {"sent", "PENDING"},      {"received", "RECEIVED"}, {"started", "STARTED"},
      {"succeeded", "SUCCESS"}, {"failed", "FAILURE"},    {"retried", "RETRY"},
      {"revoked", "REVOKED"},   {"rejected", "REJECTED"}};
  for (const auto& [event, state] : kStates) {
    if (event == subject) return std::string(state);
  }
  std::string state(subject);
  for (char& c : state) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return state;
}

EventSubject::EventSubject(const EventView& fields, const TaskMemory* memory)
    : fields_(fields), memory_(memory) {
  std::string scratch;
  const std::string_view type = json_text(fields.json(EventField::type), scratch);
  if (type.empty()) return;
  append_json_text(key_, key_of_type(std::string(type)));
  if (!type.starts_with("task-")) return;
  subject_ = type.substr(5);
  append_json_text(state_, state_after(subject_));
}

std::string_view EventSubject::json(FilterKey key) const {
  const std::string_view own = own_json(key);
  if (!own.empty() || memory_ == nullptr) return own;
  return memory_->json(fields_.json(EventField::uuid), key);
}

std::string_view EventSubject::own_json(FilterKey key) const {
  switch (key) {
    case FilterKey::worker: return fields_.json(EventField::hostname);
    case FilterKey::state: return state_;
    case FilterKey::key: return key_;
    case FilterKey::root: return fields_.json(EventField::root_id);
    case FilterKey::parent: return fields_.json(EventField::parent_id);
    case FilterKey::client:
      return subject_ == "sent" ? fields_.json(EventField::hostname) : std::string_view();
    case FilterKey::sent:
    case FilterKey::received:
    case FilterKey::started:
    case FilterKey::succeeded:
    case FilterKey::failed:
    case FilterKey::retried:
    case FilterKey::revoked:
    case FilterKey::rejected:
      return subject_ == name_of(key) ? fields_.json(EventField::timestamp) : std::string_view();
    default: {
      const auto field = event_field(name_of(key));
      return field ? fields_.json(*field) : std::string_view();
    }
  }
}

}  // namespace xylem
