#pragma once

#include <string>
#include <string_view>

#include "relay/codec/event_view.h"
#include "relay/filter/filter_key.h"
#include "relay/filter/task_memory.h"

namespace xylem {

// An event as filters see it. What is no field of it is made of its type: `state` as Celery calls
// it, `key` its routing key, and of the times, such as `received`, that of its own type.
class EventSubject final : public FilterSubject {
 public:
  // `fields` must outlive it, and what they point into; and so must `memory`, which knows what
  // earlier events of the task said.
  explicit EventSubject(const EventView& fields, const TaskMemory* memory = nullptr);
  [[nodiscard]] std::string_view json(FilterKey key) const override;

 private:
  [[nodiscard]] std::string_view own_json(FilterKey key) const;
  const EventView& fields_;
  const TaskMemory* memory_;
  std::string subject_;  // "received" for `task-received`, "" for what is no task's
  std::string state_;    // JSON, like the key
  std::string key_;
};

// Celery's name for what a task is after `task-SUBJECT`; that in capitals for one it does not know.
[[nodiscard]] std::string state_after(std::string_view subject);

}  // namespace xylem
