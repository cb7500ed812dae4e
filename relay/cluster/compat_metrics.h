#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "relay/base/result.h"
#include "relay/cluster/exporter_metrics.h"
#include "relay/cluster/flower_metrics.h"
#include "relay/cluster/metric_labels.h"

namespace xylem::cluster {

// Metrics that people have boards for, by the names, types, labels and buckets of the programs that
// they come from (docs/metrics.md), made of the events that pass: nobody is asked anything when
// they are read. Bounded in series and in tasks. One owner thread, but for what its owner locks.
class CompatMetrics {
 public:
  struct Options {
    std::vector<std::string> programs;  // of kPrograms; none: nothing is counted
    HostnameLabel hostname = HostnameLabel::theirs;
    std::size_t series_max = 20'000;  // of all programs together
    std::size_t tasks_max = 100'000;  // of each
    std::uint64_t seed = 0;
  };
  static constexpr std::array<std::string_view, 2> kPrograms{"flower", "celery-exporter"};
  struct Counters {
    std::uint64_t series = 0;
    std::uint64_t folded_values = 0;
    std::uint64_t forgotten_tasks = 0;
  };

  explicit CompatMetrics(const Options& options);
  CompatMetrics(const CompatMetrics&) = delete;
  CompatMetrics& operator=(const CompatMetrics&) = delete;

  [[nodiscard]] bool is_on() const { return flower_ || exporter_; }
  // An event, opened. What Celery's State would raise for is passed over. `is_past`: of a
  // recording, so that it gives no sign of life.
  void count(const EventView& fields, std::int64_t arrived_us, bool is_past);
  void pass_time(const Silence& silence);
  [[nodiscard]] Counters counters() const;
  // In the order in which they are shown.
  [[nodiscard]] std::vector<const MetricFamily*> families() const;

 private:
  SeriesBudget budget_;
  std::optional<FlowerMetrics> flower_;
  std::optional<ExporterMetrics> exporter_;
  std::string type_;
  std::string hostname_;
  std::string uuid_;
};

// Errors: bad_configuration, naming those there are.
[[nodiscard]] Result<HostnameLabel> parse_hostname_label(std::string_view text);
[[nodiscard]] std::string_view name_of(HostnameLabel label);
[[nodiscard]] Result<void> check_programs(const std::vector<std::string>& programs);

}  // namespace xylem::cluster
