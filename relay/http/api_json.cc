#include "relay/http/api_json.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>

namespace xylem {
namespace {

constexpr std::uint64_t kExactMax = std::uint64_t{1} << 53;

// JSON that an event brought; what no longer is any, as a text.
ApiJson value_json(const std::string& json) {
  ApiJson parsed = ApiJson::parse(json, nullptr, false);
  return parsed.is_discarded() ? ApiJson(json) : parsed;
}

ApiJson text_or_null(const std::string& text) {
  return text.empty() ? ApiJson(nullptr) : ApiJson(text);
}

ApiJson sketch_json(const cluster::Sketch& sketch) {
  if (sketch.count() == 0) return nullptr;
  return {{"count", sketch.count()},
          {"mean", sketch.sum() / static_cast<double>(sketch.count())},
          {"p50", *sketch.percentile(0.5)},
          {"p95", *sketch.percentile(0.95)},
          {"p99", *sketch.percentile(0.99)}};
}

ApiJson event_json(const cluster::SightingRow& row) {
  return {{"type", row.type},
          {"hostname", row.host},
          {"pid", row.pid},
          {"clock", whole_json(row.clock)},
          {"timestamp", time_json(row.timestamp_us)},
          {"arrived", time_json(row.arrived_us)},
          {"attempt", row.attempt},
          {"delivery", row.delivery}};
}

}  // namespace

ApiJson whole_json(std::uint64_t value) {
  return value <= kExactMax ? ApiJson(value) : ApiJson(std::to_string(value));
}

ApiJson time_json(std::int64_t us) {
  if (us == 0) return nullptr;
  const std::chrono::sys_time<std::chrono::microseconds> at{std::chrono::microseconds(us)};
  const auto second = std::chrono::floor<std::chrono::seconds>(at);
  const std::string iso =
      fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:06}Z",
                  fmt::gmtime(std::chrono::system_clock::to_time_t(second)), (at - second).count());
  return {{"seconds", static_cast<double>(us) / 1e6}, {"iso", iso}};
}

ApiJson task_json(const cluster::TaskRow& row, bool with_events) {
  ApiJson json{{"uuid", row.uuid},
               {"name", text_or_null(row.name)},
               {"state", row.state},
               {"worker", text_or_null(row.worker)},
               {"queue", text_or_null(row.queue)},
               {"attempts", row.attempts},
               {"changed", time_json(row.changed_us)},
               {"elapsed", row.elapsed ? ApiJson(*row.elapsed) : ApiJson(nullptr)},
               {"orphaned", row.orphaned},
               {"stuck", row.stuck}};
  for (const auto& value : row.values) json[value.field] = value_json(value.json);
  if (row.revoke_asked_us) json["revoke_asked"] = time_json(*row.revoke_asked_us);
  if (row.revoke_done_us) json["revoke_done"] = time_json(*row.revoke_done_us);
  if (!with_events) return json;
  ApiJson origins = ApiJson::object();
  for (const auto& value : row.values) {
    origins[value.field] = {{"type", value.type}, {"hostname", value.host}};
  }
  json["origins"] = origins;
  ApiJson events = ApiJson::array();
  for (const cluster::SightingRow& each : row.sightings) events.push_back(event_json(each));
  json["events"] = events;
  json["children"] = row.children;
  ApiJson family = ApiJson::array();
  for (const cluster::TaskRow::Relative& each : row.family) {
    family.push_back({{"relation", each.relation},
                      {"uuid", each.uuid},
                      {"name", text_or_null(each.name)},
                      {"state", text_or_null(each.state)}});
  }
  json["family"] = family;
  return json;
}

ApiJson worker_json(const cluster::WorkerRow& row) {
  const cluster::Worker& worker = row.worker;
  ApiJson json{{"hostname", row.hostname},
               {"verdict", name_of(row.verdict)},
               {"flapping", row.flapping},
               {"pid", worker.pid},
               {"clock", whole_json(worker.clock)},
               {"freq", worker.freq},
               {"active", worker.active ? ApiJson(*worker.active) : ApiJson(nullptr)},
               {"processed", worker.processed ? ApiJson(*worker.processed) : ApiJson(nullptr)},
               {"loadavg", worker.loadavg.empty() ? ApiJson(nullptr) : value_json(worker.loadavg)},
               {"sw_ident", text_or_null(worker.sw_ident)},
               {"sw_ver", text_or_null(worker.sw_ver)},
               {"sw_sys", text_or_null(worker.sw_sys)}};
  json["last_beat"] = time_json(worker.beat_us);
  json["online"] = time_json(worker.online_us);
  json["offline"] = time_json(worker.offline_us);
  json["offline_synthesised"] = worker.offline_synthesised;
  json["restarts"] = worker.restarts;
  json["clock_skew"] = static_cast<double>(worker.skew_us) / 1e6;
  json["events"] = whole_json(worker.events);
  json["late_events"] = whole_json(worker.late_events);
  json["tasks"] = row.tasks;
  json["rate"] = row.rate;
  return json;
}

ApiJson tally_json(const cluster::TallyRow& row) {
  ApiJson events = ApiJson::object();
  for (std::size_t i = 0; i < cluster::kKindCount; ++i) {
    events[std::string(name_of(static_cast<cluster::Kind>(i)))] = whole_json(row.tally.events[i]);
  }
  return {{"name", row.name},
          {"tasks", row.tasks},
          {"rate", row.rate},
          {"events", events},
          {"wait", sketch_json(row.tally.wait)},
          {"run", sketch_json(row.tally.run)}};
}

ApiJson failure_json(const cluster::FailureRow& row) {
  return {{"exception", row.key.exception},         {"place", text_or_null(row.key.place)},
          {"failed", whole_json(row.group.failed)}, {"retried", whole_json(row.group.retried)},
          {"first", time_json(row.group.first_us)}, {"last", time_json(row.group.last_us)},
          {"task", text_or_null(row.group.task)},   {"example", row.group.example}};
}

ApiJson gaps_json(const std::vector<cluster::Blindness>& gaps) {
  ApiJson list = ApiJson::array();
  for (const cluster::Blindness& gap : gaps) {
    list.push_back({{"from", time_json(gap.from_us)},
                    {"to", time_json(gap.to_us)},
                    {"events", gap.events == 0 ? ApiJson(nullptr) : whole_json(gap.events)}});
  }
  return list;
}

ApiJson status_json(const cluster::StateStatus& status) {
  const cluster::State::Counters& counters = status.counters;
  ApiJson refused = ApiJson::object();
  for (std::size_t i = 0; i < cluster::kStateRefusals; ++i) {
    refused[std::string(name_of(static_cast<cluster::StateRefusal>(i)))] = counters.refused[i];
  }
  ApiJson evicted = ApiJson::object();
  for (std::size_t i = 0; i < cluster::kEvictions; ++i) {
    evicted[std::string(name_of(static_cast<cluster::Eviction>(i)))] = counters.evicted[i];
  }
  ApiJson verdicts = ApiJson::object();
  for (std::size_t i = 0; i < cluster::kVerdicts; ++i) {
    verdicts[std::string(name_of(static_cast<cluster::Verdict>(i)))] = status.verdicts[i];
  }
  return {{"now", time_json(status.now_us)},
          {"known_since", time_json(status.known_since_us)},
          {"as_of", whole_json(status.as_of)},
          {"tasks", status.tasks},
          {"workers", status.workers},
          {"verdicts", verdicts},
          {"bytes", status.bytes},
          {"events", whole_json(counters.events)},
          {"repeated", whole_json(counters.repeated)},
          {"orphaned", whole_json(counters.orphaned)},
          {"buried", whole_json(counters.buried)},
          {"refused", refused},
          {"evicted", evicted}};
}

Page api_json_page(int status, const ApiJson& json) {
  return {status, "application/json",
          json.dump(2, ' ', false, ApiJson::error_handler_t::replace) + "\n"};
}

Page problem_page(int status, std::string_view code, std::string_view detail) {
  Page page = api_json_page(
      status, {{"type", "about:blank"}, {"status", status}, {"code", code}, {"detail", detail}});
  page.content_type = "application/problem+json";
  return page;
}

}  // namespace xylem
