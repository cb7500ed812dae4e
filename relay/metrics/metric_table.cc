#include "relay/metrics/metric_table.h"

#include <fmt/format.h>

namespace xylem {
namespace {

using enum MetricType;

constexpr std::array<MetricInfo, kMetricCount> kTable{{
    {Metric::build_info, "xylem_build_info", gauge, "1, with the version of this relay.",
     "version"},
    {Metric::epoch, "xylem_epoch_start_time_seconds", gauge, "When this epoch began, Unix time.",
     ""},
    {Metric::uptime, "xylem_uptime_seconds", gauge, "Seconds since this epoch began.", ""},
    {Metric::clock_ahead, "xylem_clock_ahead_seconds", gauge,
     "How far the times that are stored are ahead of the wall clock, which was set back, or had "
     "been wrong.",
     ""},
    {Metric::source_messages, "xylem_source_messages_total", counter,
     "Messages received by a source, whatever became of them.", "source"},
    {Metric::source_bytes, "xylem_source_received_bytes_total", counter,
     "Bytes of those messages' frames.", "source"},
    {Metric::source_accepted, "xylem_source_accepted_events_total", counter,
     "Events that a source took in.", "source"},
    {Metric::source_refused, "xylem_source_refused_total", counter,
     "Messages or events that a source refused, by reason.", "source, reason"},
    {Metric::source_refused_events, "xylem_source_refused_events_total", counter,
     "Events among them, and in sound batches that were refused whole. With those accepted: all "
     "that came in frames that could be read.",
     "source"},
    {Metric::acked_batches, "xylem_acked_batches_total", counter,
     "Batches acknowledged to their sources.", ""},
    {Metric::acked_duplicates, "xylem_acked_duplicate_batches_total", counter,
     "Batches that came again, and were dropped for it.", ""},
    {Metric::acked_holes, "xylem_acked_early_batches_total", counter,
     "Batches that came before an earlier one, and have to come again.", ""},
    {Metric::acked_pending, "xylem_acked_pending_batches", gauge,
     "Batches taken that have not reached their ack level.", ""},
    {Metric::acked_sources, "xylem_acked_sources", gauge, "Connected sources on acked.", ""},
    {Metric::acked_sources_known, "xylem_acked_known_sources", gauge,
     "Sources on acked that have a place, connected or not.", ""},
    {Metric::pipeline_events, "xylem_pipeline_events_total", counter, "Events given a sequence.",
     ""},
    {Metric::pipeline_batches, "xylem_pipeline_batches_total", counter,
     "Batches those events came in.", ""},
    {Metric::pipeline_next_sequence, "xylem_pipeline_next_sequence", gauge,
     "The sequence that the next event will get.", ""},
    {Metric::pipeline_stalls, "xylem_pipeline_stalls_total", counter,
     "Times the pipeline had to wait because a sink's ring was full.", ""},
    {Metric::ring_batches, "xylem_ring_batches", gauge, "Batches in a ring now.", "ring"},
    {Metric::ring_capacity, "xylem_ring_capacity_batches", gauge, "Batches a ring can hold.",
     "ring"},
    {Metric::sink_accepted, "xylem_sink_accepted_events_total", counter,
     "Events offered to a sink's taps, each tap counted, those that are gone too.", "sink"},
    {Metric::sink_delivered, "xylem_sink_delivered_events_total", counter,
     "Events handed to the connections of a sink's taps.", "sink"},
    {Metric::sink_filtered, "xylem_sink_filtered_events_total", counter,
     "Events that the filters of a sink's taps did not want.", "sink"},
    {Metric::sink_dropped, "xylem_sink_dropped_events_total", counter,
     "Events that a sink's taps wanted and did not get, by reason.", "sink, reason"},
    {Metric::sink_held, "xylem_sink_held_events", gauge, "Events waiting in a sink's taps.",
     "sink"},
    {Metric::sink_delivered_bytes, "xylem_sink_delivered_bytes_total", counter,
     "Bytes handed to the connections of a sink's taps.", "sink"},
    {Metric::tap_accepted, "xylem_tap_accepted_events_total", counter,
     "Events offered to a tap: delivered + filtered + dropped + held.", "sink, tap"},
    {Metric::tap_delivered, "xylem_tap_delivered_events_total", counter,
     "Events handed to a tap's connection.", "sink, tap"},
    {Metric::tap_filtered, "xylem_tap_filtered_events_total", counter,
     "Events that a tap's filter did not want.", "sink, tap"},
    {Metric::tap_dropped, "xylem_tap_dropped_events_total", counter,
     "Events that a tap wanted and did not get, by reason.", "sink, tap, reason"},
    {Metric::tap_held, "xylem_tap_held_events", gauge, "Events waiting in a tap.", "sink, tap"},
    {Metric::tap_held_bytes, "xylem_tap_held_bytes", gauge, "Bytes waiting in a tap.", "sink, tap"},
    {Metric::tap_lag, "xylem_tap_lag_seconds", gauge, "Age of the oldest event waiting in a tap.",
     "sink, tap"},
    {Metric::tap_delivered_bytes, "xylem_tap_delivered_bytes_total", counter,
     "Bytes handed to a tap's connection.", "sink, tap"},
    {Metric::stream_subscribers, "xylem_stream_subscribers", gauge,
     "Stream subscribers with a session.", ""},
    {Metric::stream_behind, "xylem_stream_subscribers_behind", gauge,
     "Stream subscribers that get the past just now.", ""},
    {Metric::stream_demoted, "xylem_stream_demoted_total", counter,
     "Subscribers with the policy block that held everything up for too long.", ""},
    {Metric::stream_retained_bytes, "xylem_stream_retained_bytes", gauge,
     "Bytes of memory that batches take which are kept for subscribers that come back.", ""},
    {Metric::stream_held_bytes, "xylem_stream_held_bytes", gauge,
     "Bytes of memory that all stream taps hold together; what several hold counts once.", ""},
    {Metric::stream_squeezes, "xylem_stream_squeezes_total", counter,
     "Times the tap that held most had to overflow because all together held too much.", ""},
    {Metric::stream_pattern_words, "xylem_stream_pattern_words", gauge,
     "Words of all stream subscribers' patterns together.", ""},
    {Metric::block_held_up, "xylem_block_held_up_seconds_total", counter,
     "Time that subscribers with the policy block held everything up.", ""},
    {Metric::block_used_up, "xylem_block_used_up_total", counter,
     "Times they had used up pipeline.block_budget, and nobody was waited for any more.", ""},
    {Metric::stream_refused, "xylem_stream_refused_total", counter,
     "Frames on the stream endpoint that were refused, by reason.", "reason"},
    {Metric::history_readers, "xylem_history_readers", gauge,
     "Stream subscribers for whom the spool is read just now.", ""},
    {Metric::history_waiting, "xylem_history_waiting", gauge,
     "Likewise, whose turn, or share of memory, has not come.", ""},
    {Metric::history_bytes, "xylem_history_bytes", gauge,
     "Bytes of memory that take what was read for them and not sent yet.", ""},
    {Metric::history_seeks, "xylem_history_seeks_total", counter,
     "Times that a place was sought in the spool for one of them.", ""},
    {Metric::history_read_bytes, "xylem_history_read_bytes_total", counter,
     "Bytes of memory that were read for them.", ""},
    {Metric::publish_subscriptions, "xylem_publish_subscriptions", gauge,
     "Distinct prefixes that publish subscribers want.", ""},
    {Metric::publish_prefix_bytes, "xylem_publish_prefix_bytes", gauge,
     "Bytes of memory that the relay's own list of those prefixes takes; ZeroMQ's takes far more.",
     ""},
    {Metric::publish_cancels, "xylem_publish_cancels_total", counter,
     "Prefixes that a peer cancelled; each is forgotten only once nobody has it.", ""},
    {Metric::transport_connections, "xylem_transport_connections", gauge,
     "Connections of native sockets, made and taken in.", ""},
    {Metric::transport_accepted, "xylem_transport_accepted_total", counter,
     "Connections that native sockets took in.", ""},
    {Metric::transport_ended, "xylem_transport_ended_total", counter,
     "Connections that native sockets ended themselves, by reason.", "reason"},
    {Metric::transport_input_bytes, "xylem_transport_input_bytes", gauge,
     "Bytes of memory that messages take which have not come whole.", ""},
    {Metric::transport_output_bytes, "xylem_transport_output_bytes", gauge,
     "Bytes that wait in native sockets to be written.", ""},
    {Metric::transport_prefixes_refused, "xylem_transport_prefixes_refused_total", counter,
     "Prefixes of publish subscribers that were not taken, because one or all had too many.", ""},
    {Metric::transport_accept_pauses, "xylem_transport_accept_pauses_total", counter,
     "Times that a native listener left connections waiting, for want of room or descriptors.", ""},
    {Metric::spool_bytes, "xylem_spool_bytes", gauge, "Bytes of the spool's segments.", ""},
    {Metric::spool_segments, "xylem_spool_segments", gauge, "Segments of the spool.", ""},
    {Metric::spool_written_sequence, "xylem_spool_written_sequence", gauge,
     "The newest sequence that is in a file of the spool.", ""},
    {Metric::spool_synced_sequence, "xylem_spool_synced_sequence", gauge,
     "The newest sequence that is on the spool's disk.", ""},
    {Metric::spool_syncs, "xylem_spool_syncs_total", counter, "Times the spool was synced.", ""},
    {Metric::spool_write_failures, "xylem_spool_write_failures_total", counter,
     "Writes that the spool's disk refused; they are tried again.", ""},
    {Metric::spool_sync_failures, "xylem_spool_sync_failures_total", counter,
     "Syncs that failed; what they were to sync is written again to another segment.", ""},
    {Metric::spool_segments_removed, "xylem_spool_segments_removed_total", counter,
     "Segments let go of for quota or age.", ""},
    {Metric::spool_damaged_bytes, "xylem_spool_damaged_bytes", gauge,
     "Bytes found at start whose checksums do not hold.", ""},
    {Metric::spool_set_aside, "xylem_spool_set_aside_files", gauge,
     "Files that were set aside at start, because they were damaged or torn.", ""},
    {Metric::state_tasks, "xylem_state_tasks", gauge, "Tasks that the cluster's state holds.", ""},
    {Metric::state_bytes, "xylem_state_bytes", gauge,
     "Memory that its tasks and names take, which state.bytes_max bounds.", ""},
    {Metric::state_workers, "xylem_state_workers", gauge,
     "Workers by what is known of them: alive, late, dead, or unknown after a gap.", "verdict"},
    {Metric::state_events, "xylem_state_events_total", counter,
     "Events that the state has looked at: of tasks, of workers, and others.", "kind"},
    {Metric::state_repeated, "xylem_state_repeated_events_total", counter,
     "Of those of tasks, events that had been there before.", ""},
    {Metric::state_refused, "xylem_state_refused_events_total", counter,
     "Events that the state could not use; docs/cluster.md has the reasons.", "reason"},
    {Metric::state_evicted, "xylem_state_evicted_tasks_total", counter,
     "Tasks that left to make room: finished before running, what changed longest ago first.",
     "reason"},
    {Metric::state_cut_values, "xylem_state_cut_values_total", counter,
     "Values of fields that were too long to be kept whole.", ""},
    {Metric::state_dropped_sightings, "xylem_state_dropped_sightings_total", counter,
     "Events of tasks that had more than one task may have; the oldest left.", ""},
    {Metric::state_names_turned_away, "xylem_state_names_turned_away_total", counter,
     "Names that came when there were too many, and count as \"(other)\".", ""},
    {Metric::state_orphaned, "xylem_state_orphaned_tasks_total", counter,
     "Tasks whose worker was lost or left while it had them.", ""},
    {Metric::state_buried, "xylem_state_buried_workers_total", counter,
     "Workers whose heartbeats stayed away, so that their end was concluded.", ""},
    {Metric::state_blindnesses, "xylem_state_blindnesses", gauge,
     "Times of which the state knows that it missed something; the latest 64 are kept.", ""},
    {Metric::compat_series, "xylem_compat_series", gauge,
     "Series that are shown by other programs' names (metrics.compat).", ""},
    {Metric::compat_folded, "xylem_compat_folded_values_total", counter,
     "Values of theirs that had no room for a series of their own, and count as \"(other)\".", ""},
    {Metric::compat_forgotten, "xylem_compat_forgotten_tasks_total", counter,
     "Tasks that these metrics no longer knew, for want of room for so many.", ""},
    {Metric::upstream_connected, "xylem_upstream_connected", gauge,
     "1 while a relay upstream takes events, else 0.", "upstream"},
    {Metric::upstream_connections, "xylem_upstream_connections_total", counter,
     "Connections made to a relay upstream.", "upstream"},
    {Metric::upstream_resent, "xylem_upstream_resent_batches_total", counter,
     "Batches sent to a relay upstream more than once.", "upstream"},
    {Metric::upstream_unacked_batches, "xylem_upstream_unacked_batches", gauge,
     "Batches under way that a relay upstream has not acknowledged.", "upstream"},
    {Metric::upstream_loop, "xylem_upstream_loop", gauge,
     "1 while what is sent to a relay upstream would come back, so that nothing is, else 0.",
     "upstream"},
    {Metric::upstream_moves, "xylem_upstream_moves_total", counter,
     "Times workers moved from one relay upstream to another.", ""},
    {Metric::amqp_connected, "xylem_amqp_connected", gauge,
     "1 while the bridge has a connection to its broker, else 0.", "bridge"},
    {Metric::amqp_connections, "xylem_amqp_connections_total", counter,
     "Connections made to the broker.", "bridge"},
    {Metric::amqp_failures, "xylem_amqp_failures_total", counter,
     "Connections to the broker that could not be made, or ended.", "bridge"},
    {Metric::amqp_blocked, "xylem_amqp_blocked", gauge,
     "1 while the broker says that it takes no messages, for want of memory or disk.", "bridge"},
    {Metric::amqp_published, "xylem_amqp_published_messages_total", counter,
     "Messages that the broker confirmed.", ""},
    {Metric::amqp_unconfirmed, "xylem_amqp_unconfirmed_messages", gauge,
     "Messages published that the broker has not confirmed yet.", ""},
    {Metric::amqp_nacked, "xylem_amqp_nacked_messages_total", counter,
     "Times that the broker refused a message (basic.nack).", ""},
    {Metric::amqp_refused, "xylem_amqp_refused_messages", gauge,
     "Messages that the broker has refused, and that are published again later.", ""},
    {Metric::amqp_forgotten, "xylem_amqp_forgotten_workers_total", counter,
     "Workers that the sink no longer knew, for want of room for so many.", ""},
    {Metric::amqp_republished, "xylem_amqp_republished_messages_total", counter,
     "Messages published more than once, because the first fate of them was unknown.", ""},
    {Metric::amqp_unacked, "xylem_amqp_unacked_messages", gauge,
     "Messages taken from the broker that are not acknowledged to it yet.", ""},
    {Metric::amqp_repeated, "xylem_amqp_repeated_messages_total", counter,
     "Messages that the broker gave again and that had been taken in already.", ""},
    {Metric::amqp_filtered, "xylem_amqp_filtered_messages_total", counter,
     "Messages in the source's queue that its patterns do not want: by another binding.", ""},
    {Metric::agent_heartbeat_age, "xylem_agent_heartbeat_age_seconds", gauge,
     "Seconds since a thread last finished a cycle.", "thread"},
    {Metric::agent_cycles, "xylem_agent_cycles_total", counter, "Cycles of a thread.", "thread"},
    {Metric::agent_missed_wakeups, "xylem_agent_missed_wakeups_total", counter,
     "Times a thread found work only because its sleep timed out; should stay 0.", "thread"},
    {Metric::http_connections, "xylem_http_connections", gauge, "Connections to the HTTP endpoint.",
     ""},
    {Metric::http_answer_bytes, "xylem_http_answer_bytes", gauge,
     "Bytes of answers on the HTTP endpoint that are not taken yet.", ""},
    {Metric::http_viewers, "xylem_http_live_viewers", gauge, "Who looks at /api/live.", ""},
    {Metric::http_live_rows, "xylem_http_live_rows_total", counter,
     "Tasks that they were shown, each as often as it was.", ""},
    {Metric::http_live_lost, "xylem_http_live_lost_changes_total", counter,
     "Changes that they missed, because they had read too slowly, or came back too late.", ""},
    {Metric::http_requests, "xylem_http_requests_total", counter,
     "Requests that came whole to the HTTP endpoint.", ""},
    {Metric::http_let_go, "xylem_http_let_go_total", counter,
     "Connections that the HTTP endpoint let go of, by reason (docs/limits.md).", "reason"},
    {Metric::log_lines, "xylem_log_lines_total", counter, "Lines written to the log.", ""},
    {Metric::log_suppressed, "xylem_log_suppressed_lines_total", counter,
     "Lines that were counted instead of written, because there were too many like them.", ""},
    {Metric::log_lost, "xylem_log_lost_lines_total", counter,
     "Lines that were lost, because nobody read stderr.", ""},
    {Metric::reloads, "xylem_configuration_reloads_total", counter,
     "Configuration reloads, by outcome.", "outcome"},
}};

constexpr bool rows_in_order() {
  for (std::size_t i = 0; i < kTable.size(); ++i) {
    if (static_cast<std::size_t>(kTable[i].metric) != i) return false;
  }
  return true;
}
static_assert(rows_in_order(), "a Metric has no row, or not in its place");

}  // namespace

const MetricInfo& info_of(Metric metric) { return kTable[static_cast<std::size_t>(metric)]; }
const std::array<MetricInfo, kMetricCount>& metric_table() { return kTable; }

std::string documented_metrics() {
  std::string page =
      "# Metrics\n\nWhat `/metrics` says. Generated from `relay/metrics/metric_table.cc`; a test "
      "compares.\n"
      "For every tap and every sink, at any time: accepted = delivered + filtered + dropped + "
      "held.\n\n"
      "A counter only rises for as long as its series is shown. For sums and rates take "
      "`xylem_sink_*`:\n"
      "it holds all of a sink's taps, also those that are gone. `xylem_tap_*` says who they "
      "are:\n\n"
      "| label | values |\n|---|---|\n"
      "| sink | `publish`, `stream`, `spool`, `state`, `upstream`, `amqp` |\n"
      "| tap | stream: the subscriber's name, `(unnamed)` without one; publish: `publish`; spool: "
      "`log`; state: `state`; upstream and amqp: where they connect to |\n"
      "| reason | of `dropped`: why a tap let go of events; of `refused`: see docs/protocol.md "
      "|\n\n"
      "Taps of one name share a series. It is shown for ten minutes after the last of them has "
      "left,\n"
      "and goes on if one comes back. Of each sink 64 names are shown; those beyond share "
      "`(others)`.\n\n"
      "With `metrics.compat` the metrics of Flower and of celery-exporter follow, by their own "
      "names;\n[cluster.md](cluster.md) has them.\n\n"
      "| name | type | labels | meaning |\n|---|---|---|---|\n";
  for (const MetricInfo& info : kTable) {
    page +=
        fmt::format("| `{}` | {} | {} | {} |\n", info.name,
                    info.type == MetricType::counter ? "counter" : "gauge", info.labels, info.help);
  }
  return page;
}

}  // namespace xylem
