#include "relay/amqp/worker_event.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "relay/event/routing_key.h"

namespace xylem {
namespace {

using Json = nlohmann::ordered_json;

bool is_number(const Json& value) { return value.is_number(); }
bool is_integer(const Json& value) { return value.is_number_integer(); }
bool is_text(const Json& value) {
  return value.is_string() && !value.get_ref<const std::string&>().empty();
}
// A queue's name holds it (kombu/pidbox.py), and AMQP's names are no longer.
constexpr std::size_t kHostnameBytesMax = 255;
bool is_hostname(const Json& value) {
  return is_text(value) && value.get_ref<const std::string&>().size() <= kHostnameBytesMax;
}
bool is_count(const Json& value) { return value.is_null() || value.is_number_integer(); }
bool is_positive(const Json& value) { return value.is_number() && value.get<double>() > 0; }
bool is_load(const Json& value) {
  return value.is_null() ||
         (value.is_array() && std::all_of(value.begin(), value.end(), is_number));
}

// Celery's fields and what readers do with them: clocks are compared, times subtracted, ids used as
// keys (celery/worker/consumer/gossip.py, celery/events/state.py, celery/events/receiver.py).
struct Rule {
  const char* field;
  bool (*holds)(const Json&);
  const char* wanted;
};
constexpr Rule kAlways[] = {{"hostname", is_hostname, "a text of 255 bytes at most"},
                            {"timestamp", is_number, "a number"}};
constexpr Rule kIfThere[] = {
    {"clock", is_integer, "a whole number"},  {"utcoffset", is_number, "a number"},
    {"pid", is_integer, "a whole number"},    {"freq", is_positive, "a number above 0"},
    {"active", is_count, "a whole number"},   {"processed", is_count, "a whole number"},
    {"loadavg", is_load, "a list of numbers"}};
constexpr Rule kElect[] = {{"id", is_text, "a text"},
                           {"clock", is_integer, "a whole number"},
                           {"pid", is_integer, "a whole number"},
                           {"topic", is_text, "a text"},
                           {"cver", is_integer, "a whole number"}};
constexpr Rule kElectAck[] = {{"id", is_text, "a text"}, {"clock", is_integer, "a whole number"}};
constexpr double kAnswerFreq = 5;
// State sets a Worker's attributes from an event's fields, whatever they are called.
constexpr const char* kNotFields[] = {"heartbeats", "event", "local_received"};

WorkerEvent::Kind kind_of(std::string_view key) {
  using Kind = WorkerEvent::Kind;
  if (key == "worker.heartbeat") return Kind::heartbeat;
  if (key == "worker.online") return Kind::online;
  if (key == "worker.offline") return Kind::offline;
  if (key == "worker.elect") return Kind::elect;
  if (key == "worker.elect.ack") return Kind::elect_ack;
  return Kind::other;
}

template <class Rules>
std::optional<std::string> broken(const Json& event, const Rules& rules, bool needed) {
  for (const Rule& rule : rules) {
    const auto field = event.find(rule.field);
    if (field == event.end()) {
      if (needed) return fmt::format("has no {}", rule.field);
    } else if (!rule.holds(*field)) {
      return fmt::format("{} is not {}", rule.field, rule.wanted);
    }
  }
  return std::nullopt;
}

std::optional<std::string> what_is_wrong(const Json& event, std::string_view key,
                                         WorkerEvent::Kind kind) {
  if (!event.is_object()) return "is no object";
  const auto type = event.find("type");
  if (type == event.end() || !type->is_string()) return "has no type";
  if (key_of_type(type->get_ref<const std::string&>()) != key) return "its type is not its key's";
  if (auto wrong = broken(event, kAlways, true)) return wrong;
  if (auto wrong = broken(event, kIfThere, false)) return wrong;
  if (kind == WorkerEvent::Kind::elect) {
    if (!event.contains("action")) return "has no action";
    if (auto wrong = broken(event, kElect, true)) return wrong;
  }
  if (kind == WorkerEvent::Kind::elect_ack) {
    if (auto wrong = broken(event, kElectAck, true)) return wrong;
  }
  for (const char* name : kNotFields) {
    if (event.contains(name)) return fmt::format("has a field {}", name);
  }
  return std::nullopt;
}

}  // namespace

tl::expected<WorkerEvent, std::string> read_worker_event(std::string_view key,
                                                         std::string_view body) {
  const Json event = Json::parse(body, nullptr, false);
  if (event.is_discarded()) return tl::unexpected(std::string("is no JSON"));
  WorkerEvent read;
  read.kind = kind_of(key);
  if (auto wrong = what_is_wrong(event, key, read.kind)) return tl::unexpected(*wrong);
  read.hostname = event["hostname"].get<std::string>();
  read.is_answer = read.kind == WorkerEvent::Kind::heartbeat && !event.contains("active") &&
                   event.value("freq", 0.0) == kAnswerFreq;
  return read;
}

std::string with_freq(std::string_view heartbeat, double freq) {
  Json event = Json::parse(heartbeat, nullptr, false);
  event["freq"] = freq;
  return event.dump();
}

}  // namespace xylem
