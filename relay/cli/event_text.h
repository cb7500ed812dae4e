#pragma once

#include <list>
#include <nlohmann/json.hpp>
#include <string>
#include <unordered_map>
#include <utility>

#include "relay/client/receiver.h"

namespace xylem::cli {

// One event as a line, as `celery events --dump` prints it (celery/events/dumper.py): host, UTC
// time, type, and what is left, sorted by name. Name, args and kwargs are only in task-sent and
// task-received, so they are remembered by uuid, of the last kTasksMax tasks. Unlike there,
// whatever comes from the network is made harmless for a terminal and stays on its line, what is
// missing is left out, and `replayed` stands before what the relay's log had.
class EventText {
 public:
  explicit EventText(bool is_coloured = false) : is_coloured_(is_coloured) {}
  [[nodiscard]] std::string line(const Receiver::Event& event);

 private:
  static constexpr std::size_t kTasksMax = 4095;                 // as many as there
  using Tasks = std::list<std::pair<std::string, std::string>>;  // uuid, text; the latest last
  [[nodiscard]] std::string task_of(const std::string& uuid, bool introduces, nlohmann::json& body);

  bool is_coloured_;
  Tasks recent_;
  std::unordered_map<std::string, Tasks::iterator> tasks_;
};

// The body on one line, otherwise byte for byte: spaces for the line breaks JSON allows between its
// tokens.
[[nodiscard]] std::string json_line(const Receiver::Event& event, bool with_metadata);
[[nodiscard]] std::string json_line(const Gap& gap);
[[nodiscard]] std::string text_line(const Gap& gap);

}  // namespace xylem::cli
