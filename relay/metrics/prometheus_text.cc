#include "relay/metrics/prometheus_text.h"

#include <fmt/format.h>

#include <cmath>

namespace xylem {
namespace {

std::string escaped(std::string_view value) {
  std::string out;
  for (const char c : value) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '\\' || c == '"') out += '\\';
    out += c;
  }
  return out;
}

void append_sample(std::string& out, const MetricInfo& info, const Sample& sample) {
  out += info.name;
  if (!sample.labels.empty()) {
    char before = '{';
    for (const auto& [name, value] : sample.labels) {
      fmt::format_to(std::back_inserter(out), "{}{}=\"{}\"", before, name, escaped(value));
      before = ',';
    }
    out += '}';
  }
  if (!std::isfinite(sample.value)) {
    out += std::isnan(sample.value) ? " NaN\n" : sample.value > 0 ? " +Inf\n" : " -Inf\n";
    return;
  }
  // Counts are exact up to 2^53 as whole numbers; the rest needs its fraction.
  const bool whole = std::abs(sample.value) <= 0x1p53 && sample.value == std::trunc(sample.value);
  out += whole ? fmt::format(" {}\n", static_cast<std::int64_t>(sample.value))
               : fmt::format(" {:.6f}\n", sample.value);
}

}  // namespace

std::string prometheus_text(const Samples& samples) {
  std::string out;
  for (const MetricInfo& info : metric_table()) {
    bool headed = false;
    for (const Sample& sample : samples) {
      if (sample.metric != info.metric) continue;
      if (!std::exchange(headed, true)) {
        fmt::format_to(std::back_inserter(out), "# HELP {} {}\n# TYPE {} {}\n", info.name,
                       info.help, info.name,
                       info.type == MetricType::counter ? "counter" : "gauge");
      }
      append_sample(out, info, sample);
    }
  }
  return out;
}

}  // namespace xylem
