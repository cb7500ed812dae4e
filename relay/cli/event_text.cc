#include "relay/cli/event_text.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "relay/base/log.h"

namespace xylem::cli {
namespace {

using Json = nlohmann::ordered_json;
constexpr std::size_t kFieldBytesShown = 120;

std::string clock_text(std::int64_t us) {
  const std::time_t seconds = us / 1'000'000;
  std::tm local{};
  ::localtime_r(&seconds, &local);
  return fmt::format("{:%H:%M:%S}.{:03}", local, us % 1'000'000 / 1000);
}

std::string value_text(const Json& value) {
  const std::string text = value.is_string()
                               ? value.get<std::string>()
                               : value.dump(-1, ' ', false, Json::error_handler_t::replace);
  return printable(text, kFieldBytesShown);
}

// Said elsewhere on the line, or not what people look for; json has everything.
bool is_left_out(const std::string& field) {
  for (const char* name : {"type", "timestamp", "hostname", "utcoffset", "pid", "clock", "uuid",
                           "name", "root_id", "parent_id", "queue", "exchange", "routing_key",
                           "traceback", "sw_ident", "sw_ver", "sw_sys"}) {
    if (field == name) return true;
  }
  return false;
}

bool is_empty(const Json& value) {
  return value.is_null() || value == "" || value == "{}" || value == "()" || value == "[]";
}

}  // namespace

std::string EventText::line(const Receiver::Event& event) {
  const Json body = Json::parse(event.body, nullptr, false);
  if (!body.is_object()) return fmt::format("{} {}", printable(event.key), printable(event.body));
  const auto text_of = [&](const char* field) {
    const auto found = body.find(field);
    return found == body.end() ? std::string() : value_text(*found);
  };
  const std::int64_t at_us = event.timestamp_us != 0 ? event.timestamp_us : event.received_us;
  std::string line = fmt::format("{}{} {:<24} {:<16}", event.replayed ? "replayed " : "",
                                 clock_text(at_us), text_of("hostname"), text_of("type"));
  const std::string uuid = text_of("uuid");
  if (!uuid.empty()) {
    std::string name = text_of("name");
    if (!name.empty()) {
      if (names_.size() >= kNamesMax) names_.clear();
      names_[uuid] = name;
    } else if (const auto known = names_.find(uuid); known != names_.end()) {
      name = known->second;
    }
    line += fmt::format(" {}[{}]", name, uuid);
  }
  for (const auto& [field, value] : body.items()) {
    if (is_left_out(field) || is_empty(value)) continue;
    line += fmt::format(" {}={}", printable(field), value_text(value));
  }
  return line;
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
  return fmt::format("-- gap: {} events missing, sequence {} to {} ({})", count, gap.first.value,
                     gap.last.value, name_of(gap.reason));
}

}  // namespace xylem::cli
