#include "relay/amqp/event_packer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "relay/base/limits.h"
#include "relay/base/parse_word.h"

namespace xylem {
namespace {

// What a worker sends through its event loop's dispatcher, which makes lists of it
// (celery/worker/request.py, strategy.py, consumer/consumer.py, consumer/events.py). A client's
// task-sent (celery/app/amqp.py) and what a task says of itself (Task.send_event, of any type) go
// singly, and monitors are bound by their keys.
constexpr std::string_view kInLists[] = {"task.received", "task.started",  "task.succeeded",
                                         "task.failed",   "task.retried",  "task.revoked",
                                         "task.rejected", "task.cancelled"};
constexpr std::string_view kWorkerPrefix = "worker.";
constexpr Duration kAnswerInterval = std::chrono::seconds(2);  // no oftener than Celery beats
constexpr Duration kAlive = std::chrono::microseconds(kHeartbeatAgeMaxUs);

}  // namespace

std::string_view name_of(AmqpFormat format) {
  return format == AmqpFormat::celery ? "celery" : "single";
}

Result<AmqpFormat> parse_amqp_format(std::string_view name) {
  return parse_word(name, std::array{AmqpFormat::celery, AmqpFormat::single});
}

std::string_view name_of(WorkerEvents events) {
  switch (events) {
    case WorkerEvents::mirror: return "mirror";
    case WorkerEvents::decimate: return "decimate";
    case WorkerEvents::elect_only: return "elect_only";
    case WorkerEvents::none: return "none";
  }
  return "unknown";
}

Result<WorkerEvents> parse_worker_events(std::string_view name) {
  return parse_word(name, std::array{WorkerEvents::mirror, WorkerEvents::decimate,
                                     WorkerEvents::elect_only, WorkerEvents::none});
}

void EventPacker::pack(const Batch& batch, const LogPosition& from, Instant now,
                       std::int64_t wall_us, std::deque<PackedMessage>& out) {
  const Moment moment{now, wall_us,
                      batch.received_us() - batch.origin().age_us + kHeartbeatAgeMaxUs,
                      batch.received_us()};
  std::vector<Way> ways;
  for (const BatchKey& key : batch.keys()) ways.push_back(way_of(batch, key.text));
  for (const EventEntry& entry : batch.entries()) {
    const LogPosition at{batch.epoch(), batch.sequence_of(entry)};
    if (at < from) continue;
    const std::string_view key = batch.key_of(entry);
    const std::string_view body = batch.body_of(entry);
    switch (ways[entry.key]) {
      case Way::none: ++counts_.filtered; break;
      case Way::worker: pack_worker_event(key, body, at, moment, out); break;
      case Way::list: add_to_list(body, at, moment, out); break;
      case Way::single:
        finish(out);
        add_single(key, std::string(body), at, moment, out);
        break;
    }
  }
}

EventPacker::Way EventPacker::way_of(const Batch& batch, std::string_view key) const {
  // A monitor cannot tell the past from the present, and Celery's State would mix them.
  if (batch.is_replayed() || !options_.filter.matches(key)) return Way::none;
  if (key.starts_with(kWorkerPrefix)) return Way::worker;
  if (options_.format == AmqpFormat::single) return Way::single;
  return std::find(std::begin(kInLists), std::end(kInLists), key) == std::end(kInLists)
             ? Way::single
             : Way::list;
}

PackedMessage& EventPacker::add_single(std::string_view key, std::string body,
                                       const LogPosition& at, const Moment& moment,
                                       std::deque<PackedMessage>& out) {
  PackedMessage& message = out.emplace_back();
  message.routing_key = key;
  message.body = std::move(body);
  message.events = 1;
  message.begin = at;
  message.received_us = moment.received_us;
  if (options_.format == AmqpFormat::single) {
    message.message_id = fmt::format("{}:{}", at.epoch.value, at.sequence.value);
  }
  return message;
}

void EventPacker::add_to_list(std::string_view body, const LogPosition& at, const Moment& moment,
                              std::deque<PackedMessage>& out) {
  const bool full = list_.events >= options_.list_events_max ||
                    list_.body.size() + body.size() + 2 > options_.list_bytes_max;
  if (list_.events != 0 && full) finish(out);
  if (list_.events == 0) {
    list_.begin = at;
    list_.received_us = moment.received_us;
  }
  list_.body += list_.events == 0 ? '[' : ',';
  list_.body += body;
  ++list_.events;
}

void EventPacker::finish(std::deque<PackedMessage>& out) {
  if (list_.events == 0) return;
  list_.body += ']';
  list_.routing_key = "task.multi";
  out.push_back(std::exchange(list_, {}));
}

void EventPacker::pack_worker_event(std::string_view key, std::string_view body,
                                    const LogPosition& at, const Moment& moment,
                                    std::deque<PackedMessage>& out) {
  const auto event = read_worker_event(key, body);
  if (!event) {
    ++counts_.refused;
    log_.warn("worker event", fmt::format("amqp sink refused '{}', which could stop Celery's "
                                          "workers: {}: {}",
                                          printable(key), event.error(), printable(body, 200)));
    return;
  }
  const bool is_heartbeat = event->kind == WorkerEvent::Kind::heartbeat;
  if (is_heartbeat && moment.wall_us > moment.stale_us) {
    ++counts_.stale;
    return;
  }
  if (options_.worker_events == WorkerEvents::elect_only) hear(*event, key, body, moment.now);
  if (!goes_on(*event, moment.now)) {
    ++counts_.filtered;
    return;
  }
  finish(out);
  const bool is_election = event->kind == WorkerEvent::Kind::elect;
  if (is_election && options_.worker_events == WorkerEvents::elect_only) {
    announce_the_living(moment, at, out);
  }
  const bool rarer = is_heartbeat && options_.worker_events == WorkerEvents::decimate;
  const double interval = std::chrono::duration<double>(options_.heartbeat_interval).count();
  PackedMessage& message =
      add_single(key, rarer ? with_freq(body, interval) : std::string(body), at, moment, out);
  message.hostname = event->hostname;
  if (is_heartbeat) message.stale_us = moment.stale_us;
}

bool EventPacker::goes_on(const WorkerEvent& event, Instant now) {
  using Kind = WorkerEvent::Kind;
  const bool is_heartbeat = event.kind == Kind::heartbeat;
  switch (options_.worker_events) {
    case WorkerEvents::mirror: return true;
    case WorkerEvents::none: return false;
    case WorkerEvents::decimate: {
      if (!is_heartbeat) return true;
      KnownWorkers::Worker& known = workers_.of(event.hostname);
      // Whoever asks is told, or a monitor that has just come would know nobody for an interval.
      auto& last = event.is_answer ? known.answered_at : known.sent_at;
      const Duration interval = event.is_answer ? kAnswerInterval : options_.heartbeat_interval;
      if (last && now - *last < interval) return false;
      last = now;
      return true;
    }
    case WorkerEvents::elect_only:
      return event.kind == Kind::elect || event.kind == Kind::elect_ack;
  }
  return false;
}

void EventPacker::hear(const WorkerEvent& event, std::string_view key, std::string_view body,
                       Instant now) {
  using Kind = WorkerEvent::Kind;
  if (event.kind == Kind::offline) workers_.forget(event.hostname);
  if (event.kind != Kind::heartbeat && event.kind != Kind::online) return;
  // One that is new has heard of nobody.
  if (event.kind == Kind::online) {
    for (KnownWorkers::Worker& known : workers_) known.sent_at.reset();
  }
  workers_.hear(event.hostname, key, body, now);
}

// A worker counts the votes of those that it knows to be alive, and that it knows by their
// heartbeats and by their coming online (celery/worker/consumer/gossip.py, on_elect_ack).
void EventPacker::announce_the_living(const Moment& moment, const LogPosition& at,
                                      std::deque<PackedMessage>& out) {
  const Instant now = moment.now;
  for (KnownWorkers::Worker& known : workers_) {
    const bool fresh = now - known.heard_at < kAlive;
    const bool just_told = known.sent_at && now - *known.sent_at < kAlive / 2;
    if (!fresh || just_told) continue;
    known.sent_at = now;
    out.push_back(
        {known.key, known.body, known.hostname, "", 0, at, moment.stale_us, moment.received_us});
  }
}

}  // namespace xylem
