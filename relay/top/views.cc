#include "relay/top/views.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "relay/http/fetch.h"
#include "relay/top/rows.h"

namespace xylem::top {
namespace {

constexpr auto kRight = Align::right;
constexpr auto kLeft = Align::left;

const std::vector<Column> kTasks{
    {"changed", "TIME", 8},           {"", "", 1},
    {"", "STATE", 8, kLeft, 0, 0, 0}, {"elapsed", "RAN", 7, kRight},
    {"", "NAME", 12, kLeft, 3},       {"", "WORKER", 12, kLeft, 2, 40},
    {"", "UUID", 8, kLeft, 2, 36},    {"", "ARGS", 12, kLeft, 3, 0, 110},
};
const std::vector<Column> kWorkers{
    {"worker", "WORKER", 16, kLeft, 1},
    {"verdict", "VERDICT", 9},
    {"beat", "BEAT", 7, kRight},
    {"active", "ACTIVE", 7, kRight},
    {"processed", "DONE", 10, kRight},
    {"rate", "ENDS/S", 8, kRight},
    {"tasks", "TASKS", 8, kRight},
    {"restarts", "RESTARTS", 9, kRight, 0, 0, 90},
    {"skew", "SKEW", 8, kRight, 0, 0, 100},
    {"load", "LOAD", 6, kRight, 0, 0, 110},
    {"", "SOFTWARE", 18, kLeft, 0, 0, 130},
};
const std::vector<Column> kNames{
    {"name", "NAME", 15, kLeft, 1},
    {"rate", "ENDS/S", 7, kRight},
    {"succeeded", "OK", 9, kRight},
    {"failed", "FAILED", 7, kRight},
    {"retried", "RETRIED", 8, kRight},
    {"run50", "RUN p50", 8, kRight},
    {"run95", "p95", 7, kRight},
    {"run99", "p99", 7, kRight},
    {"wait50", "WAIT p50", 9, kRight, 0, 0, 110},
    {"wait95", "p95", 7, kRight, 0, 0, 110},
    {"wait99", "p99", 7, kRight, 0, 0, 110},
    {"tasks", "TASKS", 8, kRight, 0, 0, 120},
};
const std::vector<Column> kQueues{
    {"name", "QUEUE", 15, kLeft, 1},        {"rate", "ENDS/S", 7, kRight},
    {"succeeded", "OK", 9, kRight},         {"failed", "FAILED", 7, kRight},
    {"retried", "RETRIED", 8, kRight},      {"run50", "RUN p50", 8, kRight, 0, 0, 110},
    {"run95", "p95", 7, kRight, 0, 0, 110}, {"run99", "p99", 7, kRight, 0, 0, 110},
    {"wait50", "WAIT p50", 9, kRight},      {"wait95", "p95", 7, kRight},
    {"wait99", "p99", 7, kRight},           {"tasks", "TASKS", 8, kRight, 0, 0, 120},
};
const std::vector<Column> kFailures{
    {"last", "LAST", 8},
    {"failed", "FAILED", 8, kRight},
    {"retried", "RETRIED", 8, kRight},
    {"exception", "EXCEPTION", 14, kLeft, 2},
    {"place", "PLACE", 14, kLeft, 3},
    {"task", "LAST TASK", 12, kLeft, 2},
    {"first", "FIRST", 8, kLeft, 0, 0, 120},
};
const std::vector<Column> kGaps{
    {"from", "FROM", 8},
    {"to", "TO", 8},
    {"events", "EVENTS", 11, kRight},
    {"what", "WHAT", 10},
    {"where", "WHERE, WHY", 20, kLeft, 1},
};

// One view: what it is called, where its rows are in the API's answer, and how they look.
struct ViewRow {
  std::string_view name;
  std::string_view path;  // and the list in it
  const std::vector<Column>* columns;
  Order usual;
  Row (*row)(const Json& json, double now);
};
const std::array<ViewRow, kViews> kRows{
    ViewRow{"tasks", "tasks", &kTasks, {"changed", false}, task_row},
    ViewRow{"workers", "workers", &kWorkers, {"worker", true}, worker_row},
    ViewRow{"names", "names", &kNames, {"rate", false}, name_row},
    ViewRow{"queues", "queues", &kQueues, {"rate", false}, queue_row},
    ViewRow{"failures", "failures", &kFailures, {"last", false}, failure_row},
    ViewRow{"gaps", "gaps", &kGaps, {"", false}, gap_row},
};
const ViewRow& row_of(View view) { return kRows[static_cast<std::size_t>(view)]; }

double now_of(const Answer& answer) { return time_at(answer.status(), "now").value_or(0); }

}  // namespace

std::string_view name_of(View view) { return row_of(view).name; }

std::optional<View> view_named(std::string_view name) {
  for (std::size_t i = 0; i < kViews; ++i) {
    if (kRows[i].name == name) return static_cast<View>(i);
  }
  return std::nullopt;
}

const std::vector<Column>& columns_of(View view) { return *row_of(view).columns; }
Order usual_order(View view) { return row_of(view).usual; }

std::vector<std::string_view> orders_of(View view) {
  std::vector<std::string_view> names;
  for (const Column& column : columns_of(view)) {
    if (!column.name.empty()) names.push_back(column.name);
  }
  return names;
}

std::vector<std::string> paths_of(const Wanted& wanted) {
  std::vector<std::string> paths{"/api/v1/status"};
  if (wanted.status_alone) return paths;
  if (!wanted.uuid.empty()) {
    paths.push_back("/api/v1/tasks/" + path_part(wanted.uuid));
  } else if (wanted.view == View::tasks) {
    paths.push_back(fmt::format("/api/v1/tasks?sort={}&limit={}&fields=args,exception,runtime{}",
                                wanted.order.column, wanted.limit,
                                wanted.filter.empty() ? "" : "&q=" + path_part(wanted.filter)));
  } else {
    paths.push_back(fmt::format("/api/v1/{}", row_of(wanted.view).path));
  }
  if (wanted.uuid.empty() && wanted.view == View::gaps) paths.emplace_back("/api/taps");
  return paths;
}

const Json& Answer::page(std::size_t number) const {
  static const Json kNothing;
  return number < pages.size() ? pages[number] : kNothing;
}

Table table_of(const Wanted& wanted, const Answer& answer) {
  const ViewRow& view = row_of(wanted.view);
  Table table{view.columns, {}};
  for (const Json& json : member(answer.page(1), view.path)) {
    table.rows.push_back(view.row(json, now_of(answer)));
  }
  if (wanted.view == View::gaps) {
    append_losses(table.rows, answer.status(), answer.page(2));
  } else if (wanted.view != View::tasks) {
    sort_rows(table, wanted.order);
  }
  if (table.rows.size() > wanted.limit) table.rows.resize(wanted.limit);
  return table;
}

Json json_of(const Wanted& wanted, const Answer& answer) {
  const ViewRow& view = row_of(wanted.view);
  // Sorted as the table is: by where each of its rows came from.
  const Json& rows = member(answer.page(1), view.path);
  Table table{view.columns, {}};
  for (std::size_t i = 0; rows.is_array() && i < rows.size(); ++i) {
    table.rows.push_back(view.row(rows[i], now_of(answer)));
    table.rows.back().about = std::to_string(i);
  }
  if (wanted.view != View::tasks) sort_rows(table, wanted.order);
  Json sorted = Json::array();
  for (const Row& row : table.rows) {
    if (sorted.size() < wanted.limit) sorted.push_back(rows[std::stoul(row.about)]);
  }
  Json json{{"view", view.name}, {"status", answer.status()}};
  for (const auto& [name, value] : answer.page(1).items()) {
    json[name] = name == view.path ? sorted : value;
  }
  if (wanted.view == View::gaps) json["taps"] = member(answer.page(2), "taps");
  return json;
}

Look look_of_state(std::string_view state) {
  if (state == "SUCCESS") return Look::good;
  if (state == "FAILURE" || state == "REJECTED") return Look::bad;
  if (state == "RETRY") return Look::again;
  if (state == "RECEIVED" || state == "PENDING") return Look::waiting;
  return state == "REVOKED" ? Look::faint : Look::busy;
}

}  // namespace xylem::top
