#pragma once

#include <string>

#include "relay/metrics/metric_table.h"

namespace xylem {

// Samples in Prometheus' text exposition format 0.0.4: one HELP and TYPE per metric, in the order
// of the table, label values escaped. Any thread.
[[nodiscard]] std::string prometheus_text(const Samples& samples);

}  // namespace xylem
