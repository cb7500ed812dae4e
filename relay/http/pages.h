#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "relay/cluster/state_agent.h"
#include "relay/metrics/metric_table.h"
#include "relay/pipeline/tap_board.h"

namespace xylem {

// One thing that must be true for the relay to be well, and whether it is.
struct Check {
  std::string name;  // "thread intake"
  bool passed = true;
  std::string why;       // a sentence, if there is something to say; always if not passed
  bool required = true;  // else it is only shown: the relay does its work without
};

// What pages are made of. The node implements it; every method may be called from any thread and
// answers from copies, so that a slow browser cannot touch the data path.
class RelayView {
 public:
  virtual ~RelayView() = default;
  [[nodiscard]] virtual Samples samples() const = 0;
  // Alive: every thread that waits for no broker finishes its cycles. A relay that fails this
  // should be restarted.
  [[nodiscard]] virtual std::vector<Check> liveness() const = 0;
  // Ready: alive, listening everywhere, and data flows. A relay that fails this wants no new
  // senders.
  [[nodiscard]] virtual std::vector<Check> readiness() const = 0;
  [[nodiscard]] virtual std::vector<TapBoard::Row> taps() const = 0;
  // What the cluster is doing, or nullptr where that is off. Lives as long as the view.
  [[nodiscard]] virtual const cluster::SharedState* state() const { return nullptr; }
};

// A page: pure functions from the view.
struct Page {
  int status = 200;
  std::string content_type;
  std::string body;
  std::string allow = {};  // the methods that it may be asked with, of a 405
};
[[nodiscard]] Page metrics_page(const RelayView& view);
// {"status": "ok"|"failing", "checks": [{"name", "passed", "required", "why"}]}; 503 if any check
// failed that is required.
[[nodiscard]] Page health_page(const std::vector<Check>& checks);
// The taps with filter, policy and ledger, as JSON.
[[nodiscard]] Page taps_page(const RelayView& view);
// What there is to see, for people who open the port in a browser.
[[nodiscard]] Page index_page();

}  // namespace xylem
