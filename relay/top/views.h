#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "relay/top/figures.h"
#include "relay/top/table.h"

namespace xylem::top {

// The pages of the program, in the order of their keys 1 to 6.
enum class View : std::uint8_t { tasks, workers, names, queues, failures, gaps };
inline constexpr std::size_t kViews = 6;
[[nodiscard]] std::string_view name_of(View view);
[[nodiscard]] std::optional<View> view_named(std::string_view name);
[[nodiscard]] const std::vector<Column>& columns_of(View view);
// What it is sorted by until somebody chooses.
[[nodiscard]] Order usual_order(View view);
// What a view can be sorted by, in the order of its columns. Tasks are sorted by the relay, of whom
// there are more than are ever sent: by their last change, or by how long they run.
[[nodiscard]] std::vector<std::string_view> orders_of(View view);

// What is asked for. Two that are equal have the same answer.
struct Wanted {
  View view = View::tasks;
  std::string filter;  // of tasks
  Order order;
  std::size_t limit = 100;  // rows
  std::string uuid = {};    // of one task, which is asked for instead
  bool status_alone = false;
  friend bool operator==(const Wanted&, const Wanted&) = default;
};
// The pages of the relay's API that have the answer; the first is the status.
[[nodiscard]] std::vector<std::string> paths_of(const Wanted& wanted);

// What the relay answered to it, page by page.
struct Answer {
  std::vector<Json> pages;
  [[nodiscard]] const Json& status() const { return page(0); }
  [[nodiscard]] const Json& page(std::size_t number) const;
};

// Its rows, sorted. Neither of the two holds what the other has: the answer may go.
[[nodiscard]] Table table_of(const Wanted& wanted, const Answer& answer);
// The same for programs: one object with the view, the status and the rows as the API gives them,
// sorted and no more of them than wanted.
[[nodiscard]] Json json_of(const Wanted& wanted, const Answer& answer);

[[nodiscard]] Look look_of_state(std::string_view state);

}  // namespace xylem::top
