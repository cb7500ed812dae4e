#include "relay/cluster/compat_metrics.h"

#include <fmt/format.h>

#include <algorithm>

namespace xylem::cluster {
namespace {

constexpr std::array<std::string_view, 4> kHostnameLabels{"theirs", "full", "host", "generic"};

}  // namespace

CompatMetrics::CompatMetrics(const Options& options) : budget_{options.series_max} {
  const MetricLimits limits{options.hostname, options.series_max, options.tasks_max, options.seed};
  for (const std::string& program : options.programs) {
    if (program == kPrograms[0]) flower_.emplace(limits, budget_);
    if (program == kPrograms[1]) exporter_.emplace(limits, budget_);
  }
}

void CompatMetrics::count(const EventView& fields, std::int64_t arrived_us, bool is_past) {
  if (!is_on()) return;
  CountedEvent event;
  event.type = json_text(fields.json(EventField::type), type_);
  const std::size_t dash = std::min(event.type.find('-'), event.type.size());
  const std::string_view group = event.type.substr(0, dash);
  event.of_task = group == "task";
  if (dash == event.type.size() || (!event.of_task && group != "worker")) return;
  event.subject = event.type.substr(dash + 1);
  event.hostname = json_text(fields.json(EventField::hostname), hostname_);
  event.uuid = json_text(fields.json(EventField::uuid), uuid_);
  const auto timestamp = json_number(fields.json(EventField::timestamp));
  if (event.hostname.empty() || !timestamp || (event.of_task && event.uuid.empty())) return;
  if (event.uuid.size() > TaskNotes::kTextBytesMax) return;
  event.timestamp = *timestamp;
  event.arrived_us = arrived_us;
  event.fields = &fields;
  if (flower_) flower_->count(event, is_past);
  if (exporter_) exporter_->count(event, is_past);
}

void CompatMetrics::pass_time(const Silence& silence) {
  if (flower_) flower_->pass_time(silence);
  if (exporter_) exporter_->pass_time(silence);
}

CompatMetrics::Counters CompatMetrics::counters() const {
  return {
      budget_.series, budget_.folded,
      (flower_ ? flower_->forgotten_tasks() : 0) + (exporter_ ? exporter_->forgotten_tasks() : 0)};
}

std::vector<const MetricFamily*> CompatMetrics::families() const {
  std::vector<const MetricFamily*> all;
  const auto add = [&all](const MetricFamily& each) { all.push_back(&each); };
  if (flower_) flower_->for_each_family(add);
  if (exporter_) exporter_->for_each_family(add);
  return all;
}

Result<HostnameLabel> parse_hostname_label(std::string_view text) {
  const auto found = std::find(kHostnameLabels.begin(), kHostnameLabels.end(), text);
  if (found == kHostnameLabels.end()) {
    return fail(ErrorCode::bad_configuration,
                fmt::format("'{}' is not one of theirs, full, host, generic", text));
  }
  return static_cast<HostnameLabel>(found - kHostnameLabels.begin());
}

std::string_view name_of(HostnameLabel label) {
  return kHostnameLabels[static_cast<std::size_t>(label)];
}

Result<void> check_programs(const std::vector<std::string>& programs) {
  for (const std::string& program : programs) {
    const auto& known = CompatMetrics::kPrograms;
    if (std::find(known.begin(), known.end(), program) != known.end()) continue;
    return fail(ErrorCode::bad_configuration,
                fmt::format("'{}' is not one of flower, celery-exporter", program));
  }
  return {};
}

}  // namespace xylem::cluster
