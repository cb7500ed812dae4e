#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "relay/cluster/metric_family.h"
#include "relay/cluster/metric_labels.h"
#include "relay/cluster/task_notes.h"

namespace xylem::cluster {

// The metrics of Flower 2.1 (flower/events.py), series for series. One owner thread.
class FlowerMetrics {
 public:
  FlowerMetrics(const MetricLimits& limits, SeriesBudget& budget);

  void count(const CountedEvent& event, bool is_past);
  // Workers that have said nothing for so long are offline, or forgotten.
  void pass_time(const Silence& silence);
  template <class Visit>
  void for_each_family(Visit visit) const {
    for (const MetricFamily* each :
         {&events_, &runtime_, &prefetch_time_, &prefetched_, &online_, &executing_}) {
      visit(*each);
    }
  }
  [[nodiscard]] std::uint64_t forgotten_tasks() const { return notes_.forgotten(); }

 private:
  void count_task(const CountedEvent& event);
  void count_worker(const CountedEvent& event);
  void forget(const std::string& worker);

  HostnameLabel hostname_;
  TaskNotes notes_;
  LabelSets by_type_;
  LabelSets by_task_;
  LabelSets by_worker_;
  MetricFamily events_;
  MetricFamily runtime_;
  MetricFamily prefetch_time_;
  MetricFamily prefetched_;
  MetricFamily online_;
  MetricFamily executing_;
  SeenHosts seen_;
};

}  // namespace xylem::cluster
