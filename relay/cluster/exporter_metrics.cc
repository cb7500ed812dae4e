#include "relay/cluster/exporter_metrics.h"

#include <algorithm>

#include "relay/codec/iso_time.h"

namespace xylem::cluster {
namespace {

using Type = MetricFamily::Type;
using std::string_view_literals::operator""sv;

constexpr std::array kByTask{"hostname"sv, "name"sv, "queue_name"sv};
constexpr std::array kByException{"exception"sv, "hostname"sv, "name"sv, "queue_name"sv};
constexpr std::array kByHost{"hostname"sv};
constexpr std::array kWaitBounds{0.05, 0.1,  0.25, 0.5,   1.0,   2.5,   5.0,
                                 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0};
constexpr std::string_view kDefaultQueue = "celery";

MetricFamily::About counter(std::string_view name, std::string_view help) {
  return {name, Type::counter, help};
}

std::string_view task_label(HostnameLabel choice, std::string_view hostname) {
  if (choice == HostnameLabel::generic) return "generic";
  return choice == HostnameLabel::full ? hostname : host_of(hostname);
}

std::string_view worker_label(HostnameLabel choice, std::string_view hostname) {
  return choice == HostnameLabel::full ? hostname : host_of(hostname);
}

// What Python's str() makes of None.
std::string_view text_of(const std::optional<std::string>& text) {
  return text ? std::string_view(*text) : "None";
}

std::string_view queue_of(const TaskNote& task) {
  return task.has_queue ? text_of(task.queue) : kDefaultQueue;
}

// The word in front of the first bracket.
std::string_view exception_class(std::string_view exception) {
  const auto is_word = [](char c) {
    const auto u = static_cast<unsigned char>(c);
    return u >= 0x80 || (u >= '0' && u <= '9') || (u >= 'A' && u <= 'Z') || u == '_' ||
           (u >= 'a' && u <= 'z');
  };
  const auto end = std::find_if_not(exception.begin(), exception.end(), is_word);
  if (end == exception.begin() || end == exception.end() || *end != '(') return "UnknownException";
  return exception.substr(0, static_cast<std::size_t>(end - exception.begin()));
}

}  // namespace

ExporterMetrics::ExporterMetrics(const MetricLimits& limits, SeriesBudget& budget)
    : hostname_(limits.hostname),
      notes_(limits.tasks_max, limits.seed),
      by_task_(kByTask, limits.series_max, limits.seed),
      by_exception_(kByException, limits.series_max, limits.seed),
      by_host_(kByHost, limits.series_max, limits.seed),
      counters_{
          MetricFamily(counter("celery_task_sent_total", "Tasks sent."), by_task_, budget),
          MetricFamily(counter("celery_task_received_total", "Tasks received."), by_task_, budget),
          MetricFamily(counter("celery_task_started_total", "Tasks started."), by_task_, budget),
          MetricFamily(counter("celery_task_succeeded_total", "Tasks that succeeded."), by_task_,
                       budget),
          MetricFamily(counter("celery_task_rejected_total", "Tasks rejected."), by_task_, budget),
          MetricFamily(counter("celery_task_revoked_total", "Tasks revoked."), by_task_, budget),
          MetricFamily(counter("celery_task_retried_total", "Attempts to be tried again."),
                       by_task_, budget)},
      failed_(counter("celery_task_failed_total", "Tasks that failed, by exception."),
              by_exception_, budget),
      runtime_({"celery_task_runtime", Type::histogram,
                "How long tasks ran, in seconds, as their workers measured it.", kRuntimeBounds},
               by_task_, budget),
      queue_wait_({"celery_task_queue_wait_time", Type::histogram,
                   "Seconds from sent, or from the eta, to started.", kWaitBounds},
                  by_task_, budget),
      up_({"celery_worker_up", Type::gauge, "1 while a host has a worker that is heard, else 0."},
          by_host_, budget),
      active_({"celery_worker_tasks_active", Type::gauge, "Tasks that a worker said it executes."},
              by_host_, budget) {}

void ExporterMetrics::count(const CountedEvent& event, bool is_past) {
  if (event.of_task) return count_task(event);
  if (!is_past) count_worker(event);
}

void ExporterMetrics::count_task(const CountedEvent& event) {
  // The exporter sees no others, so their fields count for nothing either.
  const bool has_failed = event.subject == "failed";
  const auto counted = std::find(kSubjects.begin(), kSubjects.end(), event.subject);
  if (!has_failed && counted == kSubjects.end()) return;
  const TaskNote& task = notes_.note(event);
  const std::string_view host = task_label(hostname_, task.hostname);
  const std::string_view name = text_of(task.name);
  const std::string_view queue = queue_of(task);
  const LabelSets::Number set = by_task_.of({host, name, queue});
  // One of a name and host shows the others, but for sent, which comes from anywhere.
  for (std::size_t i = 1; i < kSubjects.size(); ++i) counters_[i].show(set);
  if (has_failed) {
    std::string scratch;
    const std::string_view exception =
        exception_class(json_text(event.fields->json(EventField::exception), scratch));
    failed_.add(by_exception_.of({exception, host, name, queue}), 1);
    return;
  }
  failed_.show(by_exception_.of({"", host, name, queue}));
  counters_[static_cast<std::size_t>(counted - kSubjects.begin())].add(set, 1);
  observe(event, task, set);
}

void ExporterMetrics::observe(const CountedEvent& event, const TaskNote& task,
                              LabelSets::Number set) {
  if (event.subject == "succeeded") {
    if (const auto runtime = json_number(event.fields->json(EventField::runtime))) {
      runtime_.observe(set, *runtime);
    }
  }
  if (event.subject != "started" || !task.sent) return;
  double from = *task.sent;
  if (const auto eta_us = microseconds_of_iso(task.eta)) {
    from = std::max(from, static_cast<double>(*eta_us) / 1e6);
  }
  queue_wait_.observe(set, std::max(0.0, event.timestamp - from));
}

void ExporterMetrics::count_worker(const CountedEvent& event) {
  const std::string_view host = worker_label(hostname_, event.hostname);
  const bool beats = event.subject == "heartbeat";
  if (beats || event.subject == "online") {
    const LabelSets::Number set = by_host_.of({host});
    up_.set(set, 1);
    if (set != LabelSets::kOther) seen_.see(host, event.arrived_us);
    if (beats) active_.set(set, json_number(event.fields->json(EventField::active)).value_or(0));
  } else if (event.subject == "offline" && seen_.leave(host)) {
    up_.set(by_host_.of({host}), 0);
    active_.set(by_host_.of({host}), 0);
  }
}

void ExporterMetrics::pass_time(const Silence& silence) {
  const auto offline = [this](const std::string& host) {
    up_.set(by_host_.of({host}), 0);
    active_.set(by_host_.of({host}), 0);
  };
  seen_.pass_time(silence, offline, [this](const std::string& host) { forget(host); });
}

void ExporterMetrics::forget(const std::string& host) {
  by_task_.remove_all(0, host, [this](LabelSets::Number set) {
    for (MetricFamily& counter : counters_) counter.remove(set);
    runtime_.remove(set);
    queue_wait_.remove(set);
  });
  by_exception_.remove_all(1, host, [this](LabelSets::Number set) { failed_.remove(set); });
  by_host_.remove_all(0, host, [this](LabelSets::Number set) {
    up_.remove(set);
    active_.remove(set);
  });
}

}  // namespace xylem::cluster
