#include "relay/amqp/amqp_sink.h"

#include <fmt/format.h>

#include "relay/codec/shaped_batch.h"

namespace xylem {
namespace {

constexpr const char* kCursorName = "amqp.cursor";

std::string target_of(const AmqpSink::Options& options) {
  return options.exchange.empty() ? options.queue : options.exchange;
}

}  // namespace

Result<std::unique_ptr<AmqpSink>> AmqpSink::open(const Options& options,
                                                 const BrokerOptions& broker, Spool& spool,
                                                 const Clock& clock, std::uint64_t seed) {
  Options made_of = options;
  XYLEM_TRY(made_of.packing.filter, TopicFilter::parse(options.patterns));
  std::vector<ControlCommand> on_connect;
  for (const std::string& name : options.on_connect) {
    XYLEM_TRY(const ControlCommand command, parse_control_command(name));
    on_connect.push_back(command);
  }
  std::unique_ptr<AmqpSink> made(
      new AmqpSink(made_of, broker, std::move(on_connect), spool, clock, seed));
  if (auto opened = made->consumer_.open(); !opened) return tl::unexpected(opened.error());
  return made;
}

AmqpSink::AmqpSink(const Options& options, const BrokerOptions& broker,
                   std::vector<ControlCommand> on_connect, Spool& spool, const Clock& clock,
                   std::uint64_t seed)
    : options_(options),
      clock_(clock),
      log_(clock),
      on_connect_(std::move(on_connect)),
      link_(broker, "sink", clock, seed),
      consumer_(spool, kCursorName),
      packer_(options.packing, clock),
      window_(options.window, seed) {
  entry_ = board_.add(target_of(options_), options_.packing.filter.name(),
                      std::string(xylem::name_of(spool.options().overflow)));
}

Result<void> AmqpSink::on_start() {
  begin_ = consumer_.cursor().position;
  consumer_.start();
  show();
  return {};
}

Result<void> AmqpSink::prepare(BrokerConnection& connection) {
  if (!options_.exchange.empty()) {
    if (auto there = link_.ensure_topic(connection, options_.exchange); !there) return there;
  } else {
    XYLEM_TRY(const bool there, connection.queue_exists(options_.queue));
    if (!there) {
      return fail(ErrorCode::refused,
                  fmt::format("there is no queue '{}'; what kind it is to be, and how large, is "
                              "yours to say: make it first",
                              options_.queue));
    }
  }
  for (const ControlCommand command : on_connect_) {
    if (auto told = broadcast(connection, command); !told) return told;
  }
  window_.begin_again();
  return connection.select_confirms();
}

std::size_t AmqpSink::do_work(Instant now) {
  BrokerConnection* connection =
      link_.connect_if_due(now, [this](BrokerConnection& made) { return prepare(made); });
  std::size_t work = 0;
  if (connection != nullptr) work += listen(*connection, now);
  if ((connection = link_.connection()) != nullptr) work += publish(*connection, now);
  // What waits longest is in memory, so that its age is known.
  if (window_.empty() && pack_more(now)) ++work;
  const bool due = now - saved_at_ >= kSaveInterval;
  if (due) save(now);
  if (work != 0 || due) show();
  return work;
}

std::size_t AmqpSink::listen(BrokerConnection& connection, Instant now) {
  for (std::size_t heard = 0;; ++heard) {
    auto frame = connection.next();
    if (!frame) {
      give_up(frame.error());
      return heard;
    }
    if (*frame) {
      on_frame(**frame, now);
      if (link_.connection() == nullptr) return heard;
      continue;
    }
    const auto oldest = window_.oldest_sent();
    if (oldest && !link_.blocked() && now - *oldest > options_.confirm_timeout) {
      give_up({ErrorCode::timed_out, "the broker confirms nothing"});
    }
    return heard;
  }
}

void AmqpSink::on_frame(const BrokerFrame& frame, Instant now) {
  if (const auto* confirm = std::get_if<Confirm>(&frame)) {
    on_confirm(*confirm, now);
  } else if (const auto* returned = std::get_if<Returned>(&frame)) {
    on_returned(*returned);
  } else if (const auto* blocked = std::get_if<Blocked>(&frame)) {
    link_.set_blocked(blocked->why.empty() ? "it does not say why" : blocked->why);
  } else if (std::holds_alternative<Unblocked>(frame)) {
    link_.set_blocked("");
  }
}

void AmqpSink::on_confirm(const Confirm& confirm, Instant now) {
  const std::uint64_t had = window_.counts().refused;
  window_.on_confirm(confirm.tag, confirm.multiple, confirm.acked, now);
  if (confirm.acked) return;
  log_.warn("nack", fmt::format("amqp sink: {} refused a message (nack): a queue that it is for is "
                                "full and rejects what comes, or the broker failed; which, it does "
                                "not say",
                                target_of(options_)));
  if (window_.counts().refused == had) return;
  log_.warn("let go", fmt::format("amqp sink: a message was refused {} times and is let go of; {} "
                                  "events are by now",
                                  options_.window.tries_max, window_.counts().refused));
}

// To a queue by its name: it was deleted, and what is for it waits until it is there again.
void AmqpSink::on_returned(const Returned& returned) {
  if (options_.exchange.empty()) {
    return give_up({ErrorCode::refused, fmt::format("the queue '{}' is gone: the broker says {}",
                                                    options_.queue, returned.why)});
  }
  window_.on_returned(returned.message_id);
  log_.warn("returned",
            fmt::format("amqp sink: no queue is bound to '{}' by '{}': the broker says "
                        "{}",
                        options_.exchange, printable(returned.routing_key), returned.why));
}

// A message at a time, and only while the socket takes it at once: librabbitmq would wait.
std::size_t AmqpSink::publish(BrokerConnection& connection, Instant now) {
  std::size_t sent = 0;
  while (sent < kMessagesPerTurn && !link_.blocked()) {
    const PackedMessage* message = window_.next(now, clock_.wall_us());
    if (message == nullptr) {
      if (!window_.wants_more() || !pack_more(now)) break;
      continue;
    }
    if (!connection.writable()) break;
    if (auto done = publish_one(connection, *message); !done) {
      give_up(done.error());
      break;
    }
    window_.sent(now);
    ++sent;
  }
  return sent;
}

Result<void> AmqpSink::publish_one(BrokerConnection& connection, const PackedMessage& message) {
  OutgoingMessage out;
  const bool to_queue = options_.exchange.empty();
  out.exchange = options_.exchange;
  out.routing_key = to_queue ? options_.queue : message.routing_key;
  out.body = message.body;
  out.hostname = message.hostname;
  out.message_id = message.message_id;
  out.app_id = kAppId;
  out.persistent = out.mandatory = options_.packing.format == AmqpFormat::single;
  return connection.publish(out);
}

// After a pause the first event waits for more: a message costs the broker much more than an event
// in it. What waits already, as after an outage, waits no longer.
bool AmqpSink::is_ripe(Instant now) {
  if (!consumer_.has_more()) {
    ripe_at_.reset();
    return false;
  }
  if (!ripe_at_) ripe_at_ = now + options_.linger;
  return now >= *ripe_at_;
}

// The messages of what the log has; false if there is nothing, or not yet.
bool AmqpSink::pack_more(Instant now) {
  if (!is_ripe(now)) return false;
  bool any = false;
  while (packed_.size() < kPackedMessages) {
    const auto entry = consumer_.next();
    if (!entry) {
      ripe_at_.reset();
      break;
    }
    pack(*entry, now);
    any = true;
  }
  packer_.finish(packed_);
  for (PackedMessage& message : packed_) window_.add(std::move(message));
  packed_.clear();
  return any;
}

void AmqpSink::pack(const LogReader::Entry& entry, Instant now) {
  const std::unique_ptr<Batch> plain = entry.batch->is_shaped() ? expand(*entry.batch) : nullptr;
  const Batch& batch = plain ? *plain : *entry.batch;
  // Of the first batch, maybe not all: some of it had been confirmed in the last life.
  const LogPosition first{batch.epoch(), batch.first_sequence()};
  const std::uint64_t had =
      first < begin_ ? begin_.sequence.value - first.sequence.value : std::uint64_t{0};
  read_events_ += batch.size() - had;
  packer_.pack(batch, begin_, now, clock_.wall_us(), packed_);
}

void AmqpSink::give_up(const Error& error) {
  link_.lost(error);
  error.code == ErrorCode::malformed ? window_.begin_again_without_the_unwanted()
                                     : window_.begin_again();
}

LogPosition AmqpSink::done() const { return window_.first().value_or(consumer_.read()); }

void AmqpSink::save(Instant now) {
  saved_at_ = now;
  CursorFile::Cursor cursor = consumer_.cursor();
  cursor.position = done();
  consumer_.save(cursor);
}

void AmqpSink::show() {
  consumer_.need(done());
  const EventPacker::Counts& packed = packer_.counts();
  const ConfirmWindow::Counts& sent = window_.counts();
  Ledger ledger;
  ledger.delivered = sent.events;
  ledger.filtered = packed.filtered;
  const auto dropped = [&](DropReason reason) -> std::uint64_t& {
    return ledger.dropped[static_cast<std::size_t>(reason)];
  };
  dropped(DropReason::stale) = packed.stale + sent.stale;
  dropped(DropReason::invalid) = packed.refused;
  dropped(DropReason::unroutable) = sent.unroutable;
  dropped(DropReason::too_large) = sent.unwanted;
  dropped(DropReason::refused) = sent.refused;
  const std::uint64_t settled = ledger.delivered + ledger.filtered + ledger.dropped_total();
  consumer_.account(ledger, read_events_ - settled);
  TapFigures figures;
  figures.ledger = ledger;
  figures.held_bytes = window_.bytes();
  figures.delivered_bytes = sent.bytes;
  figures.oldest_held_us = window_.oldest_us();
  entry_->figures.publish(figures);
  shown_.publish({sent, window_.outstanding(), window_.refused(), packer_.forgotten_workers()});
  tell_refusals();
}

void AmqpSink::tell_refusals() {
  const std::uint64_t refused = window_.refused();
  if (refused == 0) return link_.set_complaint("");
  link_.set_complaint(
      fmt::format("{} refuses {} messages (nack): a queue that they are for is full and rejects "
                  "what comes, or the broker failed; each is published {} times at most",
                  target_of(options_), refused, options_.window.tries_max));
}

bool AmqpSink::has_work() {
  BrokerConnection* connection = link_.connection();
  if (connection == nullptr || link_.blocked()) return false;
  const Instant now = clock_.now();
  return (window_.ready(now) || (window_.wants_more() && is_ripe(now))) && connection->writable();
}

void AmqpSink::wait_fds(std::vector<int>& fds) const {
  const BrokerConnection* connection = link_.connection();
  if (connection != nullptr) fds.push_back(connection->fd());
}

// Not what is ripe already, and waits for the broker.
std::optional<Instant> AmqpSink::due() const {
  const Instant now = clock_.now();
  std::optional<Instant> first;
  for (const auto& at : {ripe_at_, window_.due()}) {
    if (at && *at > now && (!first || *at < *first)) first = at;
  }
  return first;
}

Agent::Drain AmqpSink::drain(Instant now) {
  static_cast<void>(do_work(now));
  const bool somebody = link_.connection() != nullptr && !link_.blocked();
  const bool empty = window_.empty() && !consumer_.has_more();
  // What the broker refused waits for longer than a drain.
  const bool refused = window_.refused() != 0 && window_.outstanding() == 0 &&
                       !window_.ready(now) && !(window_.wants_more() && consumer_.has_more());
  return empty || refused || !somebody ? Drain::finished : Drain::unfinished;
}

std::uint64_t AmqpSink::on_stop() {
  save(clock_.now());
  show();
  const std::uint64_t held = entry_->figures.read().ledger.held;
  if (held != 0) {
    XYLEM_LOG(info, "amqp sink: {} events stay in the spool, to be published after the next start",
              held);
  }
  link_.close();
  return 0;
}

void AmqpSink::sample(Samples& samples, std::int64_t now_us) const {
  board_.sample(samples, now_us);
  link_.sample(samples);
  const Shown shown = shown_.read();
  const auto add = [&](Metric metric, std::uint64_t value) {
    samples.push_back({metric, static_cast<double>(value), {}});
  };
  add(Metric::amqp_published, shown.counts.messages);
  add(Metric::amqp_unconfirmed, shown.outstanding);
  add(Metric::amqp_nacked, shown.counts.nacked);
  add(Metric::amqp_refused, shown.refused);
  add(Metric::amqp_forgotten, shown.forgotten);
  add(Metric::amqp_republished, shown.counts.resent);
}

}  // namespace xylem
