#pragma once

#include <string>

#include "relay/client/receiver.h"

namespace xylem::cli {

// One event as a line for people: time, node, type, task, the fields that they look for. Names of
// tasks are only in task-sent and task-received, so they are remembered by uuid, the last kNamesMax
// of them. Whatever comes from the network is made harmless for a terminal.
class EventText {
 public:
  [[nodiscard]] std::string line(const Receiver::Event& event);

 private:
  static constexpr std::size_t kNamesMax = 10'000;
  std::map<std::string, std::string> names_;
};

// The body on one line, otherwise byte for byte: spaces for the line breaks JSON allows between its
// tokens.
[[nodiscard]] std::string json_line(const Receiver::Event& event, bool with_metadata);
[[nodiscard]] std::string json_line(const Gap& gap);
[[nodiscard]] std::string text_line(const Gap& gap);

}  // namespace xylem::cli
