#include "relay/http/api.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <map>
#include <optional>

#include "relay/cluster/state_reader.h"
#include "relay/http/api_json.h"

namespace xylem {
namespace {

using cluster::StateReader;

struct Request {
  std::string name;  // in the place of {…} in the path
  std::map<std::string, std::string> query;
};

// One path of the API: what answers it, and what OpenAPI says of it.
struct Row {
  std::string_view path;  // below kApiPrefix; ends with {…} if it has a name
  std::string_view summary;
  std::string_view parameters;  // of the query, with spaces between
  std::string_view example;     // a target that is answered; empty: depends on what there is
  Page (*make)(const StateReader& reader, const Request& request);
};

Page openapi_page();

template <class Rows, class Make>
Page list_page(const StateReader& reader, std::string_view name, const Rows& rows, Make make) {
  ApiJson list = ApiJson::array();
  for (const auto& row : rows) list.push_back(make(row));
  return api_json_page(200, {{std::string(name), list}, {"gaps", gaps_json(reader.blindnesses())}});
}

// A whole number from the query; nothing if it is none. `otherwise` if it is not there.
template <class Number>
std::optional<Number> number_in(const Request& request, const std::string& name, Number otherwise) {
  const auto found = request.query.find(name);
  if (found == request.query.end()) return otherwise;
  Number value = 0;
  const char* const end = found->second.data() + found->second.size();
  const auto [last, failure] = std::from_chars(found->second.data(), end, value);
  if (failure != std::errc{} || last != end) return std::nullopt;
  return value;
}

std::optional<cluster::TaskOrder> order_named(std::string_view name) {
  for (const auto order : {cluster::TaskOrder::changed, cluster::TaskOrder::elapsed}) {
    if (name == name_of(order)) return order;
  }
  return std::nullopt;
}

// Each word of a list with commas between them.
template <class Visit>
void for_each_word(std::string_view list, Visit visit) {
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(','), list.size());
    visit(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
  }
}

std::string_view unknown_field(std::string_view fields) {
  std::string_view unknown;
  for_each_word(fields, [&](std::string_view field) {
    if (!event_field(field)) unknown = field;
  });
  return unknown;
}

// Arguments and tracebacks can be long, and who shows a list shows few of a task's values.
void keep_fields(cluster::TaskRow& row, std::string_view fields) {
  std::erase_if(row.values, [&](const cluster::TaskRow::Value& value) {
    bool is_wanted = false;
    for_each_word(fields, [&](std::string_view field) { is_wanted |= field == value.field; });
    return !is_wanted;
  });
}

Page tasks_page(const StateReader& reader, const Request& request) {
  cluster::TaskQuery query;
  const auto q = request.query.find("q");
  if (q != request.query.end()) {
    auto filter = Filter::parse(q->second);
    if (!filter) return problem_page(400, "bad_filter", filter.error().message);
    query.filter = std::move(*filter);
  }
  const auto limit = number_in<std::size_t>(request, "limit", 100);
  const auto cursor = number_in<cluster::TaskNumber>(request, "cursor", 0);
  if (!limit || *limit == 0 || *limit > StateReader::kRowsMax) {
    return problem_page(400, "bad_limit",
                        fmt::format("limit is from 1 to {}", StateReader::kRowsMax));
  }
  if (!cursor) return problem_page(400, "bad_cursor", "cursor is what the page before said");
  query.limit = *limit;
  query.cursor = *cursor;
  if (const auto sort = request.query.find("sort"); sort != request.query.end()) {
    const auto order = order_named(sort->second);
    if (!order) return problem_page(400, "bad_sort", "sort is 'changed' or 'elapsed'");
    if (*cursor != 0) {
      return problem_page(400, "bad_cursor", "what is sorted has one page; limit makes it longer");
    }
    query.order = *order;
  }
  const auto fields = request.query.find("fields");
  if (fields != request.query.end()) {
    if (const auto unknown = unknown_field(fields->second); !unknown.empty()) {
      return problem_page(400, "bad_fields", fmt::format("a task has no field '{}'", unknown));
    }
  }
  cluster::TaskPage page = reader.tasks(query);
  ApiJson list = ApiJson::array();
  for (cluster::TaskRow& row : page.rows) {
    if (fields != request.query.end()) keep_fields(row, fields->second);
    list.push_back(task_json(row, false));
  }
  ApiJson json{{"tasks", list},
               {"cursor", page.cursor ? ApiJson(std::to_string(*page.cursor)) : ApiJson(nullptr)},
               {"matched", page.rows.size()},
               {"searched", page.searched},
               {"as_of", whole_json(page.as_of)},
               {"gaps", gaps_json(reader.blindnesses())}};
  return api_json_page(200, json);
}

Page task_page(const StateReader& reader, const Request& request) {
  const auto row = reader.task(request.name);
  if (!row) return problem_page(404, "no_such_task", "no task of this uuid is known, or any more");
  return api_json_page(200, task_json(*row, true));
}

Page workers_page(const StateReader& reader, const Request&) {
  return list_page(reader, "workers", reader.workers(), worker_json);
}

Page worker_page(const StateReader& reader, const Request& request) {
  const auto row = reader.worker(request.name);
  if (!row) return problem_page(404, "no_such_worker", "no worker of this hostname is known");
  return api_json_page(200, worker_json(*row));
}

constexpr std::array kRows{
    Row{"status", "How much is known, since when, and what was refused", "", "status",
        [](const StateReader& reader, const Request&) {
          return api_json_page(200, status_json(reader.status()));
        }},
    Row{"tasks", "Tasks that a filter takes, in pages, or sorted", "q limit cursor sort fields",
        "tasks?q=state%3AFAILURE+OR+runtime%3A%3E2s&limit=10&sort=changed&fields=args,exception",
        tasks_page},
    Row{"tasks/{uuid}", "One task with its events, where each value came from, and children", "",
        "", task_page},
    Row{"workers", "Workers: alive, late, dead or unknown", "", "workers", workers_page},
    Row{"workers/{hostname}", "One worker", "", "", worker_page},
    Row{"names", "Task names with counts, rates and percentiles", "", "names",
        [](const StateReader& reader, const Request&) {
          return list_page(reader, "names", reader.names(), tally_json);
        }},
    Row{"queues", "Queues with counts, rates and percentiles", "", "queues",
        [](const StateReader& reader, const Request&) {
          return list_page(reader, "queues", reader.queues(), tally_json);
        }},
    Row{"failures", "Failures and retries by exception and place", "", "failures",
        [](const StateReader& reader, const Request&) {
          return list_page(reader, "failures", reader.failures(), failure_json);
        }},
    Row{"gaps", "From when to when the state was blind", "", "gaps",
        [](const StateReader& reader, const Request&) {
          return api_json_page(200, {{"gaps", gaps_json(reader.blindnesses())}});
        }},
    Row{"openapi.json", "This API, as OpenAPI 3", "", "openapi.json",
        [](const StateReader&, const Request&) { return openapi_page(); }},
};

ApiJson parameter_json(std::string_view name, std::string_view in) {
  return {{"name", name},
          {"in", in},
          {"required", in == "path"},
          {"schema", {{"type", name == "limit" ? "integer" : "string"}}}};
}

Page openapi_page() {
  ApiJson paths = ApiJson::object();
  for (const Row& row : kRows) {
    ApiJson parameters = ApiJson::array();
    if (const std::size_t at = row.path.find('{'); at != std::string_view::npos) {
      parameters.push_back(
          parameter_json(row.path.substr(at + 1, row.path.size() - at - 2), "path"));
    }
    for (std::string_view rest = row.parameters; !rest.empty();) {
      const std::size_t space = rest.find(' ');
      parameters.push_back(parameter_json(rest.substr(0, space), "query"));
      rest = space == std::string_view::npos ? std::string_view() : rest.substr(space + 1);
    }
    const ApiJson problem{{"description", "What is wrong, as problem+json"}};
    paths[fmt::format("{}{}", kApiPrefix, row.path)] = {
        {"get",
         {{"summary", row.summary},
          {"parameters", parameters},
          {"responses", {{"200", {{"description", "JSON"}}}, {"default", problem}}}}}};
  }
  return api_json_page(
      200,
      {{"openapi", "3.0.3"}, {"info", {{"title", "Xylem"}, {"version", "1"}}}, {"paths", paths}});
}

// Its name, if the path is the row's.
std::optional<std::string> match(const Row& row, std::string_view path) {
  const std::size_t brace = row.path.find('{');
  if (brace == std::string_view::npos) {
    return path == row.path ? std::optional<std::string>("") : std::nullopt;
  }
  if (!path.starts_with(row.path.substr(0, brace)) || path.size() == brace) return std::nullopt;
  return percent_decoded(path.substr(brace), false);
}

std::string_view unknown_parameter(const Row& row, const Request& request) {
  for (const auto& [name, value] : request.query) {
    const std::string known = fmt::format(" {} ", row.parameters);
    if (known.find(fmt::format(" {} ", name)) == std::string::npos || name.empty()) return name;
  }
  return {};
}

}  // namespace

std::string percent_decoded(std::string_view text, bool in_query) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned code = 0;
    const char* const digits = text.data() + i + 1;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(digits, digits + 2, code, 16).ptr == digits + 2) {
      decoded += static_cast<char>(code);
      i += 2;
    } else {
      decoded += in_query && text[i] == '+' ? ' ' : text[i];
    }
  }
  return decoded;
}

std::map<std::string, std::string> query_of_target(std::string_view target) {
  const std::size_t question = std::min(target.find('?'), target.size());
  std::string_view text = target.substr(std::min(question + 1, target.size()));
  std::map<std::string, std::string> query;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('&'), text.size());
    const std::string_view pair = text.substr(0, end);
    const std::size_t equals = std::min(pair.find('='), pair.size());
    query[percent_decoded(pair.substr(0, equals), true)] =
        percent_decoded(pair.substr(std::min(equals + 1, pair.size())), true);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return query;
}

Page api_page(const RelayView& view, std::string_view target) {
  const std::size_t question = std::min(target.find('?'), target.size());
  const std::string_view path = target.substr(0, question).substr(kApiPrefix.size());
  for (const Row& row : kRows) {
    const auto name = match(row, path);
    if (!name) continue;
    const cluster::SharedState* const state = view.state();
    if (state == nullptr) {
      return problem_page(503, "state_is_off", "this relay keeps no state (state.enabled)");
    }
    const Request request{*name, query_of_target(target)};
    if (const std::string_view unknown = unknown_parameter(row, request); !unknown.empty()) {
      return problem_page(400, "unknown_parameter",
                          fmt::format("'{}' means nothing here", unknown));
    }
    return row.make(StateReader(*state), request);
  }
  return problem_page(404, "no_such_path", "no such path; /api/v1/openapi.json lists them");
}

std::string api_paths() {
  std::string lines;
  for (const Row& row : kRows) {
    lines += fmt::format("{:27} {}\n", fmt::format("{}{}", kApiPrefix, row.path), row.summary);
  }
  return lines;
}

std::vector<std::string> api_examples() {
  std::vector<std::string> examples;
  for (const Row& row : kRows) {
    if (!row.example.empty()) examples.push_back(fmt::format("{}{}", kApiPrefix, row.example));
  }
  return examples;
}

}  // namespace xylem
