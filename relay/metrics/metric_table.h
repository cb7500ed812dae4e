#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace xylem {

// Every metric of the relay, once: what agents count is named, explained and given a type here, and
// docs/metrics.md is generated from it (a test compares).
enum class Metric : std::uint8_t {
  build_info,
  epoch,
  uptime,
  clock_ahead,
  source_messages,
  source_bytes,
  source_accepted,
  source_refused,
  source_refused_events,
  acked_batches,
  acked_duplicates,
  acked_holes,
  acked_pending,
  acked_sources,
  acked_sources_known,
  pipeline_events,
  pipeline_batches,
  pipeline_next_sequence,
  pipeline_stalls,
  ring_batches,
  ring_capacity,
  sink_accepted,
  sink_delivered,
  sink_filtered,
  sink_dropped,
  sink_held,
  sink_delivered_bytes,
  tap_accepted,
  tap_delivered,
  tap_filtered,
  tap_dropped,
  tap_held,
  tap_held_bytes,
  tap_lag,
  tap_delivered_bytes,
  stream_subscribers,
  stream_behind,
  stream_demoted,
  stream_retained_bytes,
  stream_held_bytes,
  stream_squeezes,
  stream_pattern_words,
  block_held_up,
  block_used_up,
  stream_refused,
  history_readers,
  history_waiting,
  history_bytes,
  history_seeks,
  history_read_bytes,
  publish_subscriptions,
  publish_prefix_bytes,
  publish_cancels,
  transport_connections,
  transport_accepted,
  transport_ended,
  transport_input_bytes,
  transport_output_bytes,
  transport_prefixes_refused,
  transport_accept_pauses,
  spool_bytes,
  spool_segments,
  spool_written_sequence,
  spool_synced_sequence,
  spool_syncs,
  spool_write_failures,
  spool_sync_failures,
  spool_segments_removed,
  spool_damaged_bytes,
  spool_set_aside,
  state_tasks,
  state_bytes,
  state_workers,
  state_events,
  state_repeated,
  state_refused,
  state_evicted,
  state_cut_values,
  state_dropped_sightings,
  state_names_turned_away,
  state_orphaned,
  state_buried,
  state_blindnesses,
  compat_series,
  compat_folded,
  compat_forgotten,
  upstream_connected,
  upstream_connections,
  upstream_resent,
  upstream_unacked_batches,
  upstream_loop,
  upstream_moves,
  amqp_connected,
  amqp_connections,
  amqp_failures,
  amqp_blocked,
  amqp_published,
  amqp_unconfirmed,
  amqp_nacked,
  amqp_refused,
  amqp_forgotten,
  amqp_republished,
  amqp_unacked,
  amqp_repeated,
  amqp_filtered,
  agent_heartbeat_age,
  agent_cycles,
  agent_missed_wakeups,
  http_connections,
  http_answer_bytes,
  http_viewers,
  http_live_rows,
  http_live_lost,
  http_requests,
  http_let_go,
  log_lines,
  log_suppressed,
  log_lost,
  reloads,
};
inline constexpr std::size_t kMetricCount = static_cast<std::size_t>(Metric::reloads) + 1;

enum class MetricType : std::uint8_t { counter, gauge };

struct MetricInfo {
  Metric metric;
  std::string_view name;  // the unit last, as Prometheus wants it
  MetricType type;
  std::string_view help;
  std::string_view labels;  // the label names, for the documentation
};

[[nodiscard]] const MetricInfo& info_of(Metric metric);
[[nodiscard]] const std::array<MetricInfo, kMetricCount>& metric_table();
// docs/metrics.md.
[[nodiscard]] std::string documented_metrics();

// One value, with its labels, as of the moment it was asked for.
struct Sample {
  Metric metric;
  double value = 0;
  std::vector<std::pair<std::string_view, std::string>> labels;
};
using Samples = std::vector<Sample>;

}  // namespace xylem
