#include "relay/http/flower_api.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "relay/cluster/state_reader.h"
#include "relay/cluster/task_ranking.h"
#include "relay/http/api.h"
#include "relay/http/api_json.h"

namespace xylem {
namespace {

using cluster::SharedState;
using cluster::StateReader;
using cluster::TaskRanking;
using cluster::TaskRow;
using Query = std::map<std::string, std::string>;
using std::string_view_literals::operator""sv;

constexpr auto kTask = "/api/task/"sv;
constexpr auto kTaskInfo = "/api/task/info/"sv;
constexpr std::size_t kOffsetMax = 10'000;

// Celery's Task._fields that an event brings as they are.
constexpr std::array kValues{"args"sv,     "kwargs"sv,      "eta"sv,     "expires"sv,
                             "result"sv,   "exception"sv,   "runtime"sv, "traceback"sv,
                             "exchange"sv, "routing_key"sv, "root_id"sv, "parent_id"sv};
constexpr std::array kTimes{"received"sv,  "sent"sv,   "started"sv, "rejected"sv,
                            "succeeded"sv, "failed"sv, "retried"sv, "revoked"sv};

ApiJson seconds_json(std::int64_t us) { return static_cast<double>(us) / 1e6; }

ApiJson text_json(const std::string& text) {
  return text.empty() ? ApiJson(nullptr) : ApiJson(text);
}

ApiJson value_json(const TaskRow& row, std::string_view field) {
  const auto found = std::find_if(row.values.begin(), row.values.end(),
                                  [&](const auto& value) { return value.field == field; });
  if (found == row.values.end()) return nullptr;
  ApiJson parsed = ApiJson::parse(found->json, nullptr, false);
  return parsed.is_discarded() ? ApiJson(found->json) : parsed;
}

// As Celery's Task.as_dict() says it, with the worker's name for the worker.
ApiJson task_json(const TaskRow& row) {
  ApiJson json{{"uuid", row.uuid}, {"name", text_json(row.name)}, {"state", row.state}};
  for (const std::string_view time : kTimes) json[std::string(time)] = nullptr;
  std::uint32_t retries = 0;
  json["client"] = nullptr;
  for (const cluster::SightingRow& each : row.sightings) {
    const std::string subject = each.type.substr(std::min(each.type.size(), "task-"sv.size()));
    if (std::find(kTimes.begin(), kTimes.end(), subject) != kTimes.end()) {
      json[subject] = seconds_json(each.timestamp_us);
    }
    if (subject == "sent") json["client"] = each.host;
    json["timestamp"] = seconds_json(each.timestamp_us);
    json["clock"] = each.clock;
    retries = each.attempt;
  }
  for (const std::string_view field : kValues) json[std::string(field)] = value_json(row, field);
  json["retries"] = retries;
  json["root"] = json["root_id"];
  json["parent"] = json["parent_id"];
  json["children"] = row.children;
  if (!row.worker.empty()) json["worker"] = row.worker;
  return json;
}

// A value of the query, unless it is absent or Flower's word for everything.
std::optional<std::string> wanted(const Query& query, const std::string& name) {
  const auto found = query.find(name);
  if (found == query.end() || found->second.empty() || found->second == "All") return std::nullopt;
  return found->second;
}

std::string quoted_value(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

// Errors: bad_pattern, with the words of the filter's parser; malformed.
Result<Filter> filter_of(const Query& query) {
  std::string text;
  const auto add = [&](std::string_view key, std::string_view value) {
    text += fmt::format("{}:{} ", key, value);
  };
  constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kExact{
      {{"workername", "worker"}, {"taskname", "name"}, {"state", "state"}}};
  for (const auto& [parameter, key] : kExact) {
    if (const auto value = wanted(query, std::string(parameter))) add(key, quoted_value(*value));
  }
  for (const auto& [parameter, comparison] :
       {std::pair("received_start"sv, ">="sv), std::pair("received_end"sv, "<="sv)}) {
    auto value = wanted(query, std::string(parameter));
    if (!value) continue;
    constexpr std::size_t kMinutes = "2026-11-28 08:00"sv.size();
    if (value->size() != kMinutes || (*value)[10] != ' ') {
      return fail(ErrorCode::malformed, fmt::format("{} is YYYY-MM-DD HH:MM, in UTC", parameter));
    }
    (*value)[10] = 'T';
    add("received", fmt::format("{}{}:00", comparison, *value));
  }
  if (const auto search = wanted(query, "search")) text += fmt::format("({})", *search);
  return Filter::parse(text);
}

// A count from the query; nothing if it is none, or beyond `most`.
std::optional<std::size_t> count_of(const Query& query, const std::string& name,
                                    std::size_t otherwise, std::size_t most) {
  const auto given = wanted(query, name);
  if (!given) return otherwise;
  std::size_t value = 0;
  const char* const end = given->data() + given->size();
  const auto [last, failure] = std::from_chars(given->data(), end, value);
  if (failure != std::errc{} || last != end || value > most) return std::nullopt;
  return value;
}

Page tasks_page(const SharedState& state, const Query& query) {
  TaskRanking ranking;
  auto filter = filter_of(query);
  if (!filter) return problem_page(400, "bad_filter", filter.error().message);
  ranking.filter = std::move(*filter);
  const auto limit = count_of(query, "limit", StateReader::kRowsMax, StateReader::kRowsMax);
  const auto offset = count_of(query, "offset", 0, kOffsetMax);
  if (!limit || !offset) {
    return problem_page(400, "bad_limit",
                        fmt::format("limit is up to {}, offset up to {}; /api/v1/tasks has pages",
                                    StateReader::kRowsMax, kOffsetMax));
  }
  ranking.limit = *limit;
  ranking.offset = *offset;
  if (const auto sort_by = wanted(query, "sort_by")) {
    ranking.descending = sort_by->starts_with('-');
    const std::string key = sort_by->substr(ranking.descending ? 1 : 0);
    constexpr std::array kKeys{"name"sv, "state"sv, "received"sv, "started"sv};
    const auto found = std::find(kKeys.begin(), kKeys.end(), key);
    if (found == kKeys.end()) {
      return problem_page(400, "bad_sort", "sort_by is name, state, received or started");
    }
    ranking.key = static_cast<TaskRanking::Key>(found - kKeys.begin() + 1);
  }
  ApiJson tasks = ApiJson::object();
  const StateReader reader(state);
  for (const std::string& uuid : ranked_tasks(state, ranking)) {
    if (const auto row = reader.task(uuid)) tasks[uuid] = task_json(*row);
  }
  return api_json_page(200, tasks);
}

bool is_there(const cluster::WorkerRow& row) {
  return row.verdict == cluster::Verdict::alive || row.verdict == cluster::Verdict::late;
}

Page workers_page(const SharedState& state, const Query& query) {
  const auto name = wanted(query, "workername");
  const auto status = wanted(query, "status");
  ApiJson workers = ApiJson::object();
  for (const cluster::WorkerRow& row : StateReader(state).workers()) {
    if (status) {
      workers[row.hostname] = is_there(row);
    } else if (!name || row.hostname == *name) {
      // What events say of what Flower has asked its workers for.
      workers[row.hostname] = {
          {"stats", {{"pid", row.worker.pid}, {"clock", std::to_string(row.worker.clock)}}},
          {"timestamp", seconds_json(row.worker.beat_us)}};
    }
  }
  if (name && !status && workers.empty()) {
    return problem_page(404, "no_such_worker", fmt::format("Unknown worker '{}'", *name));
  }
  return api_json_page(200, workers);
}

Page task_page(const SharedState& state, std::string_view path) {
  if (path == "/api/task/types") {
    std::vector<std::string> types;
    for (const cluster::TallyRow& row : StateReader(state).names()) types.push_back(row.name);
    std::sort(types.begin(), types.end());
    return api_json_page(200, {{"task-types", types}});
  }
  if (!path.starts_with(kTaskInfo)) {
    return problem_page(404, "no_such_path",
                        "of Flower's API there are tasks, task/info, task/types and workers");
  }
  const std::string uuid = percent_decoded(path.substr(kTaskInfo.size()), false);
  const auto row = StateReader(state).task(uuid);
  if (!row) return problem_page(404, "no_such_task", fmt::format("Unknown task '{}'", uuid));
  ApiJson json = task_json(*row);
  if (row->worker.empty()) json["worker"] = nullptr;
  return api_json_page(200, json);
}

}  // namespace

bool is_flower_path(std::string_view path) {
  return path == "/api/tasks" || path == "/api/workers" || path.starts_with(kTask);
}

Page flower_page(const RelayView& view, std::string_view target) {
  const SharedState* const state = view.state();
  if (state == nullptr) {
    return problem_page(503, "state_is_off", "this relay keeps no state (state.enabled)");
  }
  const std::size_t question = std::min(target.find('?'), target.size());
  const std::string_view path = target.substr(0, question);
  const Query query = query_of_target(target);
  if (path == "/api/tasks") return tasks_page(*state, query);
  if (path == "/api/workers") return workers_page(*state, query);
  return task_page(*state, path);
}

}  // namespace xylem
