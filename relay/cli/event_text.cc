#include "relay/cli/event_text.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>

#include "relay/base/log.h"

namespace xylem::cli {
namespace {

// Members in the order of their names, as Celery's dumper sorts them.
using Json = nlohmann::json;
constexpr std::size_t kWhole = std::numeric_limits<std::size_t>::max();

// "2023-11-14 22:13:20.250000", without a fraction if there is none: str() of Python's
// utcfromtimestamp(), which rounds to microseconds.
std::string utc_text(double timestamp) {
  double seconds = std::floor(timestamp);
  double us = std::nearbyint((timestamp - seconds) * 1e6);
  if (us == 1e6) seconds += 1, us = 0;
  const auto whole = static_cast<std::time_t>(seconds);
  std::tm utc{};
  ::gmtime_r(&whole, &utc);
  const std::string text = fmt::format("{:%Y-%m-%d %H:%M:%S}", utc);
  return us == 0 ? text : fmt::format("{}.{:06}", text, static_cast<int>(us));
}

std::string repr(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number < 0 ? "-inf" : "inf";
  const std::string text = fmt::format("{}", number);
  return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
}

std::string repr(const std::string& text) {
  const bool has_single = text.find('\'') != std::string::npos;
  const char quote = has_single && text.find('"') == std::string::npos ? '"' : '\'';
  std::string out(1, quote);
  for (const char c : text) {
    if (c == quote || c == '\\') out += '\\';
    if (c == '\n')
      out += "\\n";
    else if (c == '\r')
      out += "\\r";
    else if (c == '\t')
      out += "\\t";
    else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      out += fmt::format("\\x{:02x}", c);
    else
      out += c;
  }
  return out + quote;
}

// As Python writes the value that json.loads() makes of it.
std::string repr(const Json& value) {
  if (value.is_null()) return "None";
  if (value.is_boolean()) return value.get<bool>() ? "True" : "False";
  if (value.is_number_float()) return repr(value.get<double>());
  if (value.is_string()) return repr(value.get_ref<const std::string&>());
  std::string items;
  const auto add = [&items](const std::string& item) {
    items += (items.empty() ? "" : ", ") + item;
  };
  if (value.is_array()) {
    for (const Json& item : value) add(repr(item));
    return "[" + items + "]";
  }
  if (!value.is_object()) return value.dump();
  for (const auto& [name, item] : value.items()) add(repr(name) + ": " + repr(item));
  return "{" + items + "}";
}

std::string str(const Json& value) {
  return value.is_string() ? value.get<std::string>() : repr(value);
}

// Takes it out; "" if it is not there.
std::string take(Json& body, const char* field) {
  const auto found = body.find(field);
  if (found == body.end()) return {};
  std::string text = str(*found);
  body.erase(found);
  return text;
}

std::string lowered(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

std::string human(std::string type) {
  if (type == "worker-online") return "started";
  if (type == "worker-offline") return "shutdown";
  if (type == "worker-heartbeat") return "heartbeat";
  std::replace(type.begin(), type.end(), '-', ' ');
  return type;
}

// Those that top has for the same: cyan, yellow and magenta can be told apart by everybody.
std::string_view colour_of(std::string_view type) {
  if (type == "task-failed" || type == "task-rejected") return "\x1b[35m";
  if (type == "task-retried" || type == "task-revoked") return "\x1b[33m";
  return type == "task-succeeded" ? "\x1b[36m" : "";
}

}  // namespace

std::string EventText::task_of(const std::string& uuid, bool introduces, Json& body) {
  if (const auto known = tasks_.find(uuid); known != tasks_.end()) {
    recent_.splice(recent_.end(), recent_, known->second);
    if (!introduces) return known->second->second;
    recent_.pop_back();
    tasks_.erase(known);
  }
  if (!introduces) return {};
  if (tasks_.size() >= kTasksMax) {
    tasks_.erase(recent_.front().first);
    recent_.pop_front();
  }
  const std::string name = take(body, "name");
  const std::string args = take(body, "args");
  recent_.emplace_back(
      uuid, fmt::format("{}({}) args={} kwargs={}", name, uuid, args, take(body, "kwargs")));
  tasks_[uuid] = std::prev(recent_.end());
  return recent_.back().second;
}

std::string EventText::line(const Receiver::Event& event) {
  Json body = Json::parse(event.body, nullptr, false);
  if (!body.is_object()) return fmt::format("{} {}", printable(event.key), printable(event.body));
  const auto at = body.find("timestamp");
  const bool says_when = at != body.end() && at->is_number();
  const double timestamp =
      says_when ? at->get<double>() : static_cast<double>(event.received_us) / 1e6;
  if (at != body.end()) body.erase(at);
  const std::string type = lowered(take(body, "type"));
  const std::string hostname = take(body, "hostname");
  std::string task;
  if (type.starts_with("task-")) {
    const bool introduces = type == "task-received" || type == "task-sent";
    task = " " + task_of(take(body, "uuid"), introduces, body);
  }
  std::string fields;
  for (const auto& [name, value] : body.items()) {
    fields += fmt::format("{}{}={}", fields.empty() ? "" : ", ", name, str(value));
  }
  const std::string_view colour = is_coloured_ ? colour_of(type) : "";
  return fmt::format(
      "{}{} [{}] {}{}{}{}", event.replayed ? "replayed " : "", printable(hostname, kWhole),
      utc_text(timestamp), colour, printable(human(type), kWhole), colour.empty() ? "" : "\x1b[0m",
      printable(fmt::format("{}{} {}", fields.empty() ? "" : ":", task, fields), kWhole));
}

std::string json_line(const Receiver::Event& event, bool with_metadata) {
  std::string body(event.body);
  std::replace_if(
      body.begin(), body.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  if (!with_metadata) return body;
  const Json key = std::string(event.key);
  return fmt::format(R"({{"epoch":{},"sequence":{},"key":{},"received_us":{},{}"event":{}}})",
                     event.epoch.value, event.sequence.value,
                     key.dump(-1, ' ', false, Json::error_handler_t::replace), event.received_us,
                     event.replayed ? R"("replayed":true,)" : "", body);
}

std::string json_line(const Gap& gap) {
  return fmt::format(
      R"({{"type":"xylem-gap","epoch":{},"first":{},"last":{},"count":{},"reason":"{}"}})",
      gap.epoch.value, gap.first.value, gap.last.value, gap.count, name_of(gap.reason));
}

std::string text_line(const Gap& gap) {
  const std::string count = gap.count == 0 ? "an unknown number of" : std::to_string(gap.count);
  return fmt::format("-> gap: {} events missing, sequence {} to {} ({})", count, gap.first.value,
                     gap.last.value, name_of(gap.reason));
}

}  // namespace xylem::cli
