#include "relay/cluster/flower_metrics.h"

#include <array>

namespace xylem::cluster {
namespace {

using Type = MetricFamily::Type;
using std::string_view_literals::operator""sv;

constexpr std::array kByType{"worker"sv, "type"sv, "task"sv};
constexpr std::array kByTask{"worker"sv, "task"sv};
constexpr std::array kByWorker{"worker"sv};

std::string_view task_label(HostnameLabel choice, std::string_view hostname) {
  if (choice == HostnameLabel::generic) return "generic";
  return choice == HostnameLabel::host ? host_of(hostname) : hostname;
}

std::string_view worker_label(HostnameLabel choice, std::string_view hostname) {
  return choice == HostnameLabel::host ? host_of(hostname) : hostname;
}

}  // namespace

FlowerMetrics::FlowerMetrics(const MetricLimits& limits, SeriesBudget& budget)
    : hostname_(limits.hostname),
      notes_(limits.tasks_max, limits.seed),
      by_type_(kByType, limits.series_max, limits.seed),
      by_task_(kByTask, limits.series_max, limits.seed),
      by_worker_(kByWorker, limits.series_max, limits.seed),
      events_({"flower_events_total", Type::counter, "Events of tasks that came."}, by_type_,
              budget),
      runtime_({"flower_task_runtime_seconds", Type::histogram,
                "How long tasks ran, as their workers measured it.", kRuntimeBounds},
               by_task_, budget),
      prefetch_time_({"flower_task_prefetch_time_seconds", Type::gauge,
                      "How long the latest task waited in its worker; 0 when it has ended."},
                     by_task_, budget),
      prefetched_({"flower_worker_prefetched_tasks", Type::gauge,
                   "Tasks received and not started, without those with an eta."},
                  by_task_, budget),
      online_({"flower_worker_online", Type::gauge, "1 while a worker is online, else 0."},
              by_worker_, budget),
      executing_({"flower_worker_number_of_currently_executing_tasks", Type::gauge,
                  "Tasks that a worker said it executes."},
                 by_worker_, budget) {}

void FlowerMetrics::count(const CountedEvent& event, bool is_past) {
  if (event.of_task) return count_task(event);
  if (!is_past) count_worker(event);
}

void FlowerMetrics::count_task(const CountedEvent& event) {
  const TaskNote& task = notes_.note(event);
  const std::string_view worker = task_label(hostname_, event.hostname);
  const std::string_view name = task.name ? std::string_view(*task.name) : std::string_view();
  events_.add(by_type_.of({worker, event.type, name}), 1);
  const auto runtime = json_number(event.fields->json(EventField::runtime));
  const bool has_run = runtime && *runtime != 0;
  const bool is_received = event.subject == "received";
  const bool is_started = event.subject == "started";
  const bool has_ended = event.subject == "succeeded" || event.subject == "failed";
  if (!has_run && !is_received && !is_started && !has_ended) return;
  const LabelSets::Number set = by_task_.of({worker, name});
  if (has_run) runtime_.observe(set, *runtime);
  if (!task.eta.empty() || !task.received) return;
  if (is_received) prefetched_.add(set, 1);
  if (!task.started) return;
  if (is_started) {
    prefetch_time_.set(set, *task.started - *task.received);
    prefetched_.add(set, -1);
  }
  if (has_ended) prefetch_time_.set(set, 0);
}

void FlowerMetrics::count_worker(const CountedEvent& event) {
  const bool beats = event.subject == "heartbeat";
  const bool is_there = beats || event.subject == "online";
  if (!is_there && event.subject != "offline") return;
  const std::string_view worker = worker_label(hostname_, event.hostname);
  const LabelSets::Number set = by_worker_.of({worker});
  online_.set(set, is_there ? 1 : 0);
  if (set != LabelSets::kOther) {
    seen_.see(worker, event.arrived_us);
    if (!is_there) static_cast<void>(seen_.leave(worker));
  }
  const auto active = json_number(event.fields->json(EventField::active));
  if (beats && active) executing_.set(set, *active);
}

void FlowerMetrics::pass_time(const Silence& silence) {
  seen_.pass_time(
      silence, [this](const std::string& worker) { online_.set(by_worker_.of({worker}), 0); },
      [this](const std::string& worker) { forget(worker); });
}

void FlowerMetrics::forget(const std::string& worker) {
  const auto leave = [&](LabelSets& sets, std::initializer_list<MetricFamily*> families) {
    sets.remove_all(0, worker, [&](LabelSets::Number set) {
      for (MetricFamily* const family : families) family->remove(set);
    });
  };
  leave(by_type_, {&events_});
  leave(by_task_, {&runtime_, &prefetch_time_, &prefetched_});
  leave(by_worker_, {&online_, &executing_});
}

}  // namespace xylem::cluster
