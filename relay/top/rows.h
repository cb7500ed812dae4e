#pragma once

#include <vector>

#include "relay/top/figures.h"
#include "relay/top/table.h"

namespace xylem::top {

// Rows of the views, of the objects in the API's lists. `now` is the relay's, in seconds. The cells
// are in the order of views.cc's columns.
[[nodiscard]] Row task_row(const Json& task, double now);
[[nodiscard]] Row worker_row(const Json& worker, double now);
[[nodiscard]] Row name_row(const Json& tally, double now);
[[nodiscard]] Row queue_row(const Json& tally, double now);
[[nodiscard]] Row failure_row(const Json& failure, double now);
[[nodiscard]] Row gap_row(const Json& gap, double now);
// What was lost elsewhere: refused or let go of by the state, dropped by taps. `taps` is /api/taps.
void append_losses(std::vector<Row>& rows, const Json& status, const Json& taps);

// A filter that takes what has exactly this text: name:"mail.send".
[[nodiscard]] std::string filter_of(std::string_view key, std::string_view text);

}  // namespace xylem::top
