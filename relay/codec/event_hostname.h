#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "relay/base/limits.h"

namespace xylem {

// Reads the node name that every event carries (`hostname`, celery/events/event.py). Owns a
// parser, so one per thread.
class EventHostname {
 public:
  EventHostname();
  ~EventHostname();
  EventHostname(const EventHostname&) = delete;
  EventHostname& operator=(const EventHostname&) = delete;

  // The event's hostname, or "" if it has none that is a text. `body` is its JSON object, with
  // Slab::kSlack readable bytes behind. Valid until the next call.
  [[nodiscard]] std::string_view of(std::string_view body);

 private:
  struct Parser;
  std::unique_ptr<Parser> parser_;
};

}  // namespace xylem
