#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "relay/cluster/state.h"
#include "relay/event/batch.h"

namespace xylem::cluster::testing {

// One event as a line of a story, `TYPE HOST CLOCK SECONDS [FIELD=JSON]...`:
//
//   received A 10 100 retries=0 name="proj.add"
//
// The task is "t" unless uuid= says another; the process is HOST's only one, unless pid= does.
struct StoryEvent {
  std::string body;
};

[[nodiscard]] inline StoryEvent story_event(std::string_view line) {
  std::vector<std::string> words;
  for (std::size_t at = 0; at < line.size();) {
    const std::size_t end = std::min(line.find(' ', at), line.size());
    words.emplace_back(line.substr(at, end - at));
    at = end + 1;
  }
  const bool is_worker = words[0] == "online" || words[0] == "heartbeat" || words[0] == "offline";
  std::string body = R"({"type": ")" + std::string(is_worker ? "worker-" : "task-") + words[0] +
                     R"(", "hostname": ")" + words[1] + R"(", "clock": )" + words[2] +
                     R"(, "timestamp": )" + words[3];
  bool has_uuid = is_worker;
  bool has_pid = false;
  for (std::size_t i = 4; i < words.size(); ++i) {
    const std::size_t equals = words[i].find('=');
    const std::string name = words[i].substr(0, equals);
    has_uuid = has_uuid || name == "uuid";
    has_pid = has_pid || name == "pid";
    body += ", \"" + name + "\": " + words[i].substr(equals + 1);
  }
  if (!has_uuid) body += R"(, "uuid": "t")";
  if (!has_pid) body += R"(, "pid": 7)";
  return {body + "}"};
}

[[nodiscard]] inline std::vector<StoryEvent> story(std::vector<std::string_view> lines) {
  std::vector<StoryEvent> events;
  for (const std::string_view line : lines) events.push_back(story_event(line));
  return events;
}

inline void tell(State& state, const StoryEvent& event, std::int64_t arrived_us) {
  std::string padded = event.body;
  padded.resize(padded.size() + Slab::kSlack);
  EventView fields;
  static_cast<void>(fields.open(std::string_view(padded).substr(0, event.body.size())));
  state.apply(fields, arrived_us);
}

// Everything that a task's record says, but for when its events arrived.
[[nodiscard]] inline std::string record_of(const State& state, std::string_view uuid) {
  const TaskNumber number = state.tasks().find(uuid);
  if (number == kNoTask) return "no such task";
  const Task& task = state.tasks().at(number);
  const Life life(task.newest);
  std::string text(state.states().text(task.group(TaskList::state)));
  const auto add = [&text](std::string_view name, std::string_view value) {
    if (value.empty()) return;
    text += ' ';
    text += name;
    text += '=';
    text += value;
  };
  add("name", state.names().text(task.group(TaskList::name)));
  add("worker", state.hosts().text(task.group(TaskList::worker)));
  add("queue", state.queues().text(task.group(TaskList::queue)));
  add("attempts", std::to_string(life.attempts()));
  for (std::size_t i = 0; i < kEventFieldCount; ++i) {
    const auto field = static_cast<EventField>(i);
    const Placed* const origin = life.origin_of(field);
    if (origin == nullptr) continue;
    add(name_of(field), origin->sighting->value(field));
    add("from", name_of(origin->sighting->kind));
    add("of", state.hosts().text(origin->sighting->host));
  }
  for (const Placed& each : life.placed()) {
    add("then", name_of(each.sighting->kind));
    add("attempt", std::to_string(each.attempt) + "." + std::to_string(each.delivery));
    add("at", std::to_string(each.sighting->timestamp_us));
  }
  if (const Sighting* asked = life.revoke_asked()) {
    add("revoke_asked", std::to_string(asked->timestamp_us));
  }
  if (const Sighting* done = life.revoke_done()) {
    add("revoked", std::to_string(done->timestamp_us));
  }
  return text;
}

[[nodiscard]] inline std::string state_word(const State& state, std::string_view uuid = "t") {
  const TaskNumber number = state.tasks().find(uuid);
  if (number == kNoTask) return "none";
  return std::string(state.states().text(state.tasks().at(number).group(TaskList::state)));
}

}  // namespace xylem::cluster::testing
