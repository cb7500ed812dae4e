#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "relay/base/clock.h"

namespace xylem::cli {

// One line on stderr that is written over and over, for people who wait; nothing if stderr is no
// terminal.
class Progress {
 public:
  Progress();
  // Shows what `text` makes, at most four times a second.
  void show(Instant now, const std::function<std::string()>& text);
  // Takes the line away, before anything else is said.
  void clear();

 private:
  bool shown_;
  bool anything_ = false;
  Instant last_;
};

// "1.4 MB", "312 B": for people.
[[nodiscard]] std::string bytes_text(std::uint64_t bytes);
// "1 event", "2 events".
[[nodiscard]] std::string counted(std::uint64_t count, std::string_view noun);

}  // namespace xylem::cli
