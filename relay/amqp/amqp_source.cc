#include "relay/amqp/amqp_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "relay/amqp/amqp_sink.h"
#include "relay/amqp/message_content.h"
#include "relay/amqp/msgpack.h"

namespace xylem {
namespace {

// Of a message's body: what tells a message that came twice from two that are alike.
std::size_t print_of(const Delivery& delivery) {
  return std::hash<std::string>{}(delivery.body) ^ std::hash<std::string>{}(delivery.routing_key);
}

}  // namespace

AmqpSource::AmqpSource(Options options, const BrokerOptions& broker, SourceEdge& edge,
                       const LogProgress* log, const Clock& clock, std::uint64_t seed)
    : options_(std::move(options)),
      filter_(TopicFilter::parse(options_.patterns).value_or(TopicFilter())),
      log_progress_(log),
      edge_(edge),
      outbox_(edge),
      admission_(options_.admission, *this, *this),
      log_(clock),
      link_(broker, "source", clock, seed) {
  options_.queue = options_.queue_name();
}

Result<void> AmqpSource::prepare(BrokerConnection& connection) {
  if (auto there = link_.ensure_topic(connection, options_.exchange); !there) return there;
  XYLEM_TRY(const bool has_queue, connection.queue_exists(options_.queue));
  if (!has_queue) {
    auto made = connection.declare_queue(options_.queue, options_.queue_bytes_max);
    if (!made) return made;
  }
  for (const std::string& pattern : options_.patterns) {
    if (auto bound = connection.bind(options_.queue, options_.exchange, pattern); !bound) {
      return bound;
    }
  }
  return connection.consume(options_.queue, options_.prefetch);
}

std::size_t AmqpSource::do_work(Instant now) {
  std::size_t work = settle() + outbox_.flush();
  BrokerConnection* connection =
      link_.connect_if_due(now, [this](BrokerConnection& made) { return prepare(made); });
  take_waiting();
  if (connection != nullptr) work += read(*connection, true);
  reject_refused();
  admission_.flush();
  for (auto one = unstamped_.rbegin(); one != unstamped_.rend() && one->pushed == kNotHandedOn;
       ++one) {
    one->pushed = outbox_.batches();
  }
  outbox_.ring();
  if (work != 0) show();
  return work;
}

// Also while there is no room for more, so that heartbeats go on: what comes waits here then, and
// is never more than the prefetch. But beyond kWaitingBytesMax the rest waits with the broker.
std::size_t AmqpSource::read(BrokerConnection& connection, bool take_in) {
  std::size_t heard = 0;
  for (; heard < kMessagesPerTurn && waiting_bytes_ < kWaitingBytesMax; ++heard) {
    auto frame = connection.next();
    if (!frame) {
      give_up(frame.error());
      break;
    }
    if (!*frame) break;
    if (take_in) on_frame(**frame);
    if (link_.connection() == nullptr) break;
  }
  return heard;
}

void AmqpSource::on_frame(BrokerFrame& frame) {
  if (std::holds_alternative<Cancelled>(frame)) {
    return give_up({ErrorCode::refused, fmt::format("the queue '{}' was deleted", options_.queue)});
  }
  auto* delivery = std::get_if<Delivery>(&frame);
  if (delivery == nullptr) return;
  ++admission_.figures().messages;
  admission_.figures().bytes += delivery->body.size();
  waiting_bytes_ += delivery->body.size();
  waiting_.push_back(std::move(*delivery));
  take_waiting();
}

// Before anything behind them is acknowledged, which would be for them as well.
void AmqpSource::reject_refused() {
  for (const std::uint64_t tag : std::exchange(rejected_, {})) {
    BrokerConnection* connection = link_.connection();
    if (connection == nullptr) return;
    if (auto told = connection->reject(tag); !told) give_up(told.error());
  }
}

void AmqpSource::take_waiting() {
  for (; !waiting_.empty() && outbox_.has_room(); waiting_.pop_front()) {
    waiting_bytes_ -= waiting_.front().body.size();
    take(waiting_.front());
  }
}

void AmqpSource::take(Delivery& delivery) {
  const auto refuse = [&](Refusal why, std::string_view what = {}) {
    admission_.figures().refuse(why);
    tell_refused(why, delivery.routing_key, delivery.body.size(), what);
    rejected_.push_back(delivery.tag);
  };
  if (!filter_.matches(delivery.routing_key)) return pass_over(delivery);
  if (delivery.too_large) return refuse(Refusal::message_too_large);
  if (delivery.app_id == kAppId) return refuse(Refusal::loop);
  const Content content = content_of(delivery, options_.msgpack);
  if (!content.why_not.empty()) return refuse(Refusal::content_type, content.why_not);
  const std::size_t print = print_of(delivery);
  if (is_known(delivery, print)) {
    ++repeated_;
  } else if (!content.is_msgpack) {
    if (!admit(delivery.body)) return rejected_.push_back(delivery.tag);
  } else {
    auto json = json_of_msgpack(delivery.body);
    if (!json) return refuse(Refusal::malformed_json, json.error().message);
    if (!admit(*json)) return rejected_.push_back(delivery.tag);
  }
  unstamped_.push_back({delivery.tag, kNotHandedOn});
  recent_.push_back(print);
  if (recent_.size() > options_.prefetch) recent_.pop_front();
}

// It is acknowledged in its turn, as what was taken.
void AmqpSource::pass_over(const Delivery& delivery) {
  ++filtered_;
  unstamped_.push_back({delivery.tag, kNotHandedOn});
  log_.warn("amqp filtered",
            fmt::format("amqp source passes over what comes under '{}': the queue '{}' has another "
                        "binding than amqp_source.patterns, maybe of an earlier configuration; to "
                        "spare the broker, unbind it",
                        printable(delivery.routing_key), options_.queue));
}

// False if something was refused and nothing taken; an empty list is neither.
bool AmqpSource::admit(std::string_view json) {
  const SourceFigures before = admission_.figures();
  // A list's key says nothing, and an event's own type says where it belongs.
  admission_.admit_json("", json);
  const SourceFigures& after = admission_.figures();
  return after.accepted_events != before.accepted_events || after.refused == before.refused;
}

bool AmqpSource::is_known(const Delivery& delivery, std::size_t print) {
  if (!delivery.redelivered) return false;
  const auto known = known_.find(print);
  if (known == known_.end()) return false;
  if (--known->second == 0) known_.erase(known);
  return true;
}

Sequence AmqpSource::safe() const {
  switch (options_.level) {
    case AckLevel::received: return {UINT64_MAX};
    case AckLevel::written: return log_progress_->written();
    case AckLevel::synced: return log_progress_->synced();
  }
  return {};
}

// Acknowledges what has come far enough since.
std::size_t AmqpSource::settle() {
  std::size_t moved = 0;
  const auto stamped = edge_.stamped();
  for (; !unstamped_.empty() && unstamped_.front().pushed <= stamped.batches; ++moved) {
    stamped_.push_back({unstamped_.front().tag, {stamped.last}});
    unstamped_.pop_front();
  }
  std::uint64_t last_tag = 0;
  for (const Sequence far = safe(); !stamped_.empty() && stamped_.front().last <= far; ++moved) {
    last_tag = stamped_.front().tag;
    stamped_.pop_front();
  }
  BrokerConnection* connection = link_.connection();
  if (last_tag != 0 && connection != nullptr) {
    if (auto told = connection->ack(last_tag); !told) give_up(told.error());
  }
  return moved;
}

void AmqpSource::give_up(const Error& error) {
  if (link_.connection() == nullptr) return;
  link_.lost(error);
  waiting_.clear();
  waiting_bytes_ = 0;
  rejected_.clear();
  known_.clear();
  for (const std::size_t print : recent_) ++known_[print];
  unstamped_.clear();
  stamped_.clear();
}

void AmqpSource::on_refused(Refusal why, std::string_view key, std::size_t bytes) {
  tell_refused(why, key, bytes, {});
}

void AmqpSource::tell_refused(Refusal why, std::string_view key, std::size_t bytes,
                              std::string_view what) {
  log_.warn(fmt::format("amqp {}", name_of(why)),
            fmt::format("amqp source refused {} bytes under key '{}': {}{}{}", bytes,
                        printable(key), name_of(why), what.empty() ? "" : ": ", what));
}

void AmqpSource::on_batch(std::unique_ptr<Batch> batch) {
  batch->set_origin({{}, {}, options_.level == AckLevel::synced, 0});
  outbox_.push(std::move(batch));
}

bool AmqpSource::has_work() {
  if (!unstamped_.empty() && !edge_.await_stamped(unstamped_.front().pushed)) return true;
  if (!stamped_.empty() && stamped_.front().last <= safe()) return true;
  return (!outbox_.empty() || !waiting_.empty()) && !outbox_.await_room();
}

void AmqpSource::wait_fds(std::vector<int>& fds) const {
  const BrokerConnection* connection = link_.connection();
  if (connection != nullptr && waiting_bytes_ < kWaitingBytesMax) fds.push_back(connection->fd());
}

Agent::Drain AmqpSource::drain(Instant) {
  static_cast<void>(outbox_.flush());
  outbox_.ring();
  static_cast<void>(settle());
  if (BrokerConnection* connection = link_.connection()) {
    static_cast<void>(read(*connection, false));
  }
  show();
  const bool all_done = unstamped_.empty() && stamped_.empty();
  return all_done || link_.connection() == nullptr ? Drain::finished : Drain::unfinished;
}

// What is not acknowledged is the broker's still, so nothing is left behind here.
std::uint64_t AmqpSource::on_stop() {
  show();
  link_.close();
  return 0;
}

void AmqpSource::show() {
  shown_.publish({admission_.figures(), unstamped_.size() + stamped_.size() + waiting_.size(),
                  repeated_, filtered_});
}

void AmqpSource::sample(Samples& samples) const {
  const Shown shown = shown_.read();
  shown.source.sample("amqp", samples);
  link_.sample(samples);
  samples.push_back({Metric::amqp_unacked, static_cast<double>(shown.pending), {}});
  samples.push_back({Metric::amqp_repeated, static_cast<double>(shown.repeated), {}});
  samples.push_back({Metric::amqp_filtered, static_cast<double>(shown.filtered), {}});
}

}  // namespace xylem
