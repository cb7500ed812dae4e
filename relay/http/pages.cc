#include "relay/http/pages.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "relay/cluster/state_reader.h"
#include "relay/http/api.h"
#include "relay/metrics/prometheus_text.h"

namespace xylem {
namespace {

using Json = nlohmann::ordered_json;

Page json_page(int status, const Json& json) {
  // Names come from the network; what is not UTF-8 in them must not end the page.
  return {status, "application/json",
          json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"};
}

Json ledger_json(const Ledger& ledger) {
  Json dropped = Json::object();
  for (std::size_t i = 0; i < kDropReasonCount; ++i) {
    dropped[std::string(name_of(static_cast<DropReason>(i)))] = ledger.dropped[i];
  }
  return {{"accepted", ledger.accepted}, {"delivered", ledger.delivered},
          {"filtered", ledger.filtered}, {"held", ledger.held},
          {"dropped", dropped},          {"balances", ledger.balances()}};
}

}  // namespace

Page metrics_page(const RelayView& view) {
  std::string text = prometheus_text(view.samples());
  if (view.state() != nullptr) text += cluster::StateReader(*view.state()).compat_text();
  return {200, "text/plain; version=0.0.4; charset=utf-8", text};
}

Page health_page(const std::vector<Check>& checks) {
  Json list = Json::array();
  for (const Check& check : checks) {
    Json one{{"name", check.name}, {"passed", check.passed}, {"required", check.required}};
    if (!check.why.empty()) one["why"] = check.why;
    list.push_back(one);
  }
  const bool ok = std::all_of(checks.begin(), checks.end(),
                              [](const Check& c) { return c.passed || !c.required; });
  return json_page(ok ? 200 : 503, {{"status", ok ? "ok" : "failing"}, {"checks", list}});
}

Page taps_page(const RelayView& view) {
  Json taps = Json::array();
  for (const TapBoard::Row& row : view.taps()) {
    taps.push_back({{"sink", row.sink},
                    {"name", row.name},
                    {"filter", row.filter},
                    {"overflow", row.overflow},
                    {"held_bytes", row.figures.held_bytes},
                    {"delivered_bytes", row.figures.delivered_bytes},
                    {"ledger", ledger_json(row.figures.ledger)}});
  }
  return json_page(200, {{"taps", taps}});
}

Page index_page() {
  return {200, "text/plain; charset=utf-8",
          "xylem\n\n"
          "/metrics    every counter, as Prometheus text\n"
          "/healthz    alive? 200 or 503, with the checks\n"
          "/readyz     does data flow? 200 or 503, with the checks\n\n" +
              api_paths() +
              "\n/api/tasks, /api/task/info/{uuid}, /api/task/types, /api/workers as Flower has "
              "them\n/api/live   tasks as they change, as server-sent events\n/api/taps   who "
              "receives what, with the ledger of each\n"};
}

}  // namespace xylem
