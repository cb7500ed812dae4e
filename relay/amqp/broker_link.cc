#include "relay/amqp/broker_link.h"

#include <fmt/format.h>

#include <algorithm>

namespace xylem {
namespace {
// A broker that comes back is to be found again within five seconds, so the waits stay short.
constexpr Duration kFirstWait = std::chrono::milliseconds(250);
constexpr Duration kLongestWait = std::chrono::seconds(3);
constexpr Duration kProven = std::chrono::seconds(10);
}  // namespace

BrokerLink::BrokerLink(BrokerOptions options, std::string what, const Clock& clock,
                       std::uint64_t seed)
    : options_(std::move(options)),
      what_(std::move(what)),
      clock_(clock),
      log_(clock, std::chrono::seconds(30)),
      random_(seed),
      pulse_(clock) {}

Duration BrokerLink::back_off(std::uint32_t failures) {
  const std::uint32_t doublings = std::min(failures == 0 ? 0 : failures - 1, 8U);
  return std::min<Duration>(kFirstWait * (1U << doublings), kLongestWait);
}

BrokerConnection* BrokerLink::connect_if_due(Instant now, const Prepare& prepare) {
  if (connection_) return connection_.get();
  take_password();
  if (now < due_) return nullptr;
  auto made = BrokerConnection::open(options_, lookup_, pulse_);
  Result<void> ready;
  if (!made) {
    ready = tl::unexpected(made.error());
  } else {
    connection_ = std::move(*made);
    connected_at_ = clock_.now();
    ready = prepare(*connection_);
  }
  if (!ready) {
    lost(ready.error());
    return nullptr;
  }
  ++connections_;
  error_.clear();
  say();
  show();
  XYLEM_LOG(info, "amqp {} is connected to {}", what_, options_.url.text());
  return connection_.get();
}

void BrokerLink::lost(const Error& error) {
  // One that is closed for what it does, over and over, is made again more and more rarely.
  if (connection_ && clock_.now() - connected_at_ > kProven) failures_ = 0;
  connection_.reset();
  blocked_.clear();
  ++failures_;
  ++failed_;
  const Duration wait = back_off(failures_);
  due_ =
      clock_.now() + wait / 2 +
      Duration(static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(wait.count())) / 2);
  error_ = error.message;
  say();
  show();
  log_.warn(error.message.substr(0, 60), fmt::format("amqp {}: {}", what_, error.message));
}

void BrokerLink::set_blocked(std::string why) {
  blocked_ = std::move(why);
  say();
  XYLEM_LOG(warning, "amqp {}: the broker takes {}", what_,
            blocked_.empty() ? "messages again" : "no messages: " + blocked_);
  show();
}

void BrokerLink::close() {
  if (connection_) connection_->close();
  connection_.reset();
  error_ = "is closed";
  say();
  show();
}

void BrokerLink::set_password(std::string password) {
  const std::lock_guard lock(mutex_);
  password_ = std::move(password);
}

void BrokerLink::take_password() {
  const std::lock_guard lock(mutex_);
  if (!password_) return;
  options_.url.password = std::move(*password_);
  password_.reset();
  due_ = {};
}

void BrokerLink::set_complaint(std::string why) {
  if (why == complaint_) return;
  complaint_ = std::move(why);
  say();
}

Result<void> BrokerLink::ensure_topic(BrokerConnection& connection, const std::string& exchange) {
  auto there = connection.ensure_exchange(exchange, BrokerConnection::Exchange::durable_topic);
  if (!there) return there;
  XYLEM_TRY(const std::string type, connection.other_type(exchange));
  std::string note;
  if (!type.empty()) {
    note = fmt::format(
        "the exchange '{}' is of the type {}, not topic, so not everybody gets what their patterns "
        "say",
        exchange, type);
    log_.warn(note, fmt::format("amqp {}: {}", what_, note));
  }
  const std::lock_guard lock(mutex_);
  note_ = std::move(note);
  return {};
}

std::string BrokerLink::note() const {
  const std::lock_guard lock(mutex_);
  return note_;
}

void BrokerLink::say() {
  const std::lock_guard lock(mutex_);
  trouble_ = !blocked_.empty() ? fmt::format("the broker takes no messages: {}", blocked_)
             : !error_.empty() ? error_
                               : complaint_;
}

std::string BrokerLink::trouble() const {
  const std::lock_guard lock(mutex_);
  return trouble_;
}

void BrokerLink::sample(Samples& samples) const {
  const Shown shown = shown_.read();
  const auto add = [&](Metric metric, std::uint64_t value) {
    samples.push_back({metric, static_cast<double>(value), {{"bridge", what_}}});
  };
  add(Metric::amqp_connected, shown.up);
  add(Metric::amqp_connections, shown.connections);
  add(Metric::amqp_failures, shown.failures);
  add(Metric::amqp_blocked, shown.blocked);
}

}  // namespace xylem
