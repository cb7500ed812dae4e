#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "relay/cluster/metric_family.h"
#include "relay/cluster/metric_labels.h"
#include "relay/cluster/task_notes.h"

namespace xylem::cluster {

// The metrics of celery-exporter (danihodovic/celery-exporter, src/exporter.py) that are made of
// events, series for series. What it asks a broker for is not among them. One owner thread.
class ExporterMetrics {
 public:
  ExporterMetrics(const MetricLimits& limits, SeriesBudget& budget);

  void count(const CountedEvent& event, bool is_past);
  void pass_time(const Silence& silence);
  template <class Visit>
  void for_each_family(Visit visit) const {
    for (const MetricFamily& each : counters_) visit(each);
    for (const MetricFamily* each : {&failed_, &runtime_, &queue_wait_, &up_, &active_}) {
      visit(*each);
    }
  }
  [[nodiscard]] std::uint64_t forgotten_tasks() const { return notes_.forgotten(); }

 private:
  // All but failed, which has one label more.
  static constexpr std::array<std::string_view, 7> kSubjects{
      "sent", "received", "started", "succeeded", "rejected", "revoked", "retried"};

  void count_task(const CountedEvent& event);
  void count_worker(const CountedEvent& event);
  void observe(const CountedEvent& event, const TaskNote& task, LabelSets::Number set);
  void forget(const std::string& host);

  HostnameLabel hostname_;
  TaskNotes notes_;
  LabelSets by_task_;
  LabelSets by_exception_;
  LabelSets by_host_;
  std::array<MetricFamily, kSubjects.size()> counters_;
  MetricFamily failed_;
  MetricFamily runtime_;
  MetricFamily queue_wait_;
  MetricFamily up_;
  MetricFamily active_;
  SeenHosts seen_;
};

}  // namespace xylem::cluster
