#include "relay/filter/task_memory.h"

#include <algorithm>

namespace xylem {
namespace {

EventField field_of(FilterKey key) {
  switch (key) {
    case FilterKey::root: return EventField::root_id;
    case FilterKey::parent: return EventField::parent_id;
    case FilterKey::queue: return EventField::queue;
    case FilterKey::args: return EventField::args;
    case FilterKey::kwargs: return EventField::kwargs;
    default: return EventField::name;
  }
}

}  // namespace

void TaskMemory::see(const EventView& fields) {
  const std::string_view uuid = fields.json(EventField::uuid);
  // One that says no name is none of the first.
  if (!is_json_text(uuid) || !fields.has(EventField::name) || uuid.size() > kValueBytesMax) return;
  const auto [at, is_new] = tasks_.try_emplace(std::string(uuid));
  for (std::size_t i = 0; i < kKept.size(); ++i) {
    const std::string_view json = fields.json(field_of(kKept[i]));
    if (!json.empty() && json.size() <= kValueBytesMax) at->second[i] = json;
  }
  if (!is_new) return;
  order_.push_back(at->first);
  if (tasks_.size() <= tasks_max_) return;
  tasks_.erase(order_.front());
  order_.pop_front();
}

std::string_view TaskMemory::json(std::string_view uuid, FilterKey key) const {
  const auto place = std::find(kKept.begin(), kKept.end(), key);
  if (place == kKept.end() || uuid.empty()) return {};
  const auto found = tasks_.find(std::string(uuid));
  if (found == tasks_.end()) return {};
  return found->second[static_cast<std::size_t>(place - kKept.begin())];
}

}  // namespace xylem
