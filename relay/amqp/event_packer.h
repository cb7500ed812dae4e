#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "relay/amqp/known_workers.h"
#include "relay/amqp/worker_event.h"
#include "relay/base/clock.h"
#include "relay/base/log.h"
#include "relay/event/batch.h"
#include "relay/event/topic_filter.h"
#include "relay/spool/log_catalog.h"

namespace xylem {

// How events travel as AMQP messages.
enum class AmqpFormat : std::uint8_t {
  celery,  // as Celery's workers send them: the lives of tasks in lists, all others singly
  single   // one event a message, with a message_id
};
// Which of the workers' own events go on.
enum class WorkerEvents : std::uint8_t {
  mirror,      // all
  decimate,    // of the heartbeats one per worker and interval
  elect_only,  // elections, and before each the signs of life that its quorum is counted by
  none
};
[[nodiscard]] std::string_view name_of(AmqpFormat format);
[[nodiscard]] Result<AmqpFormat> parse_amqp_format(std::string_view name);
[[nodiscard]] std::string_view name_of(WorkerEvents events);
[[nodiscard]] Result<WorkerEvents> parse_worker_events(std::string_view name);

// One message that is to be published.
struct PackedMessage {
  std::string routing_key;
  std::string body;
  std::string hostname;          // a header of worker.*, or empty
  std::string message_id;        // or empty
  std::uint64_t events = 0;      // that are delivered with it; 0 for one that is sent once more
  LogPosition begin;             // of the first of them
  std::int64_t stale_us = 0;     // wall clock: when it is too late for it; 0: never
  std::int64_t received_us = 0;  // likewise: when the relay took its events in
};

// Makes messages of events, in their order. No thread, no clock. One owner thread.
class EventPacker {
 public:
  struct Options {
    TopicFilter filter;
    AmqpFormat format = AmqpFormat::celery;
    WorkerEvents worker_events = WorkerEvents::mirror;
    Duration heartbeat_interval = std::chrono::seconds(10);  // of `decimate`
    std::size_t list_events_max = 100;
    std::size_t list_bytes_max = std::size_t{64} << 10;
  };
  // What became of the events that are in no message.
  struct Counts {
    std::uint64_t filtered = 0;
    std::uint64_t stale = 0;    // heartbeats too old to mean that anybody lives
    std::uint64_t refused = 0;  // worker.* that could stop Celery's workers
  };
  EventPacker(const Options& options, const Clock& clock) : options_(options), log_(clock) {}

  // Adds to `out` the messages of a batch's events from `from` on, but for the list that the next
  // batch may go on with. REQUIRES a batch that is not shaped.
  void pack(const Batch& batch, const LogPosition& from, Instant now, std::int64_t wall_us,
            std::deque<PackedMessage>& out);
  // And that list.
  void finish(std::deque<PackedMessage>& out);

  [[nodiscard]] const Counts& counts() const { return counts_; }
  [[nodiscard]] std::uint64_t forgotten_workers() const { return workers_.forgotten(); }

 private:
  enum class Way : std::uint8_t { none, worker, list, single };
  [[nodiscard]] Way way_of(const Batch& batch, std::string_view key) const;
  // What is the same for all events of the batch at hand.
  struct Moment {
    Instant now;
    std::int64_t wall_us = 0;
    std::int64_t stale_us = 0;     // for its heartbeats
    std::int64_t received_us = 0;  // when the relay took it in
  };
  void pack_worker_event(std::string_view key, std::string_view body, const LogPosition& at,
                         const Moment& moment, std::deque<PackedMessage>& out);
  PackedMessage& add_single(std::string_view key, std::string body, const LogPosition& at,
                            const Moment& moment, std::deque<PackedMessage>& out);
  void add_to_list(std::string_view body, const LogPosition& at, const Moment& moment,
                   std::deque<PackedMessage>& out);
  [[nodiscard]] bool goes_on(const WorkerEvent& event, Instant now);
  void hear(const WorkerEvent& event, std::string_view key, std::string_view body, Instant now);
  void announce_the_living(const Moment& moment, const LogPosition& at,
                           std::deque<PackedMessage>& out);

  Options options_;
  DistinctLog log_;
  Counts counts_;
  PackedMessage list_;  // being built
  KnownWorkers workers_;
};

}  // namespace xylem
