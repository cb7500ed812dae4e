#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "relay/top/figures.h"
#include "relay/top/screen.h"

namespace xylem::top {

// One task with what is known of it, its events in their order, and its family.
struct TaskPage {
  struct PageLine {
    Line line;
    std::string uuid;  // of the task that it leads to
  };
  std::vector<PageLine> lines;
  std::string parent;  // its uuid, if it has one
  // Where to go for each; the first line if there is no such.
  std::size_t result = 0;
  std::size_t traceback = 0;
  std::size_t timeline = 0;
};

// `task` is what the API says of it. Long values take as many lines as they need.
[[nodiscard]] TaskPage task_page(const Json& task, std::size_t columns, Letters letters);

}  // namespace xylem::top
