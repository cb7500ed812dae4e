#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>

#include "relay/amqp/broker_connection.h"
#include "relay/amqp/host_lookup.h"
#include "relay/base/log.h"
#include "relay/metrics/metric_table.h"
#include "relay/metrics/published.h"

namespace xylem {

// A connection to a broker that is made again whenever it ends, sooner after a first failure than
// after many, and what people are told about it. One owner thread, but for what says otherwise.
class BrokerLink {
 public:
  // Declares what its owner needs, on a connection that was just made.
  using Prepare = std::function<Result<void>(BrokerConnection&)>;

  // `what` it is for, in logs and metrics: "source" or "sink". The clock must outlive it.
  BrokerLink(BrokerOptions options, std::string what, const Clock& clock, std::uint64_t seed);

  // The connection, made if it is due, or nullptr. Takes up to a few times `answer_timeout`.
  [[nodiscard]] BrokerConnection* connect_if_due(Instant now, const Prepare& prepare);
  [[nodiscard]] BrokerConnection* connection() const { return connection_.get(); }
  // It ended, and why; what was under way on it is of unknown fate.
  void lost(const Error& error);
  // The broker takes no messages just now, or does again ("").
  void set_blocked(std::string why);
  // The connection stands, and what its owner wants of it does not succeed, or does again ("").
  void set_complaint(std::string why);
  // On a connection that was just made: the exchange is there, as Celery would make it or as it
  // was. One that is no topic works in its own way, which note() tells.
  [[nodiscard]] Result<void> ensure_topic(BrokerConnection& connection,
                                          const std::string& exchange);
  [[nodiscard]] bool blocked() const { return !blocked_.empty(); }
  void close();

  // Any thread.
  // From the next login on; a connection that stands is not ended for it.
  void set_password(std::string password);
  // Why it does not work, or "".
  [[nodiscard]] std::string trouble() const;
  // What is other than people would expect, and works; or "".
  [[nodiscard]] std::string note() const;
  void sample(Samples& samples) const;
  [[nodiscard]] BrokerPulse& pulse() { return pulse_; }

  // The wait after so many failures, of which a random part is taken. Pure.
  [[nodiscard]] static Duration back_off(std::uint32_t failures);

 private:
  struct Shown {
    bool up = false;
    bool blocked = false;
    std::uint64_t connections = 0;
    std::uint64_t failures = 0;
  };
  void say();
  void take_password();
  void show() { shown_.publish({connection_ != nullptr, blocked(), connections_, failed_}); }

  BrokerOptions options_;
  std::string what_;
  const Clock& clock_;
  DistinctLog log_;
  std::mt19937_64 random_;
  HostLookup lookup_;
  BrokerPulse pulse_;
  std::unique_ptr<BrokerConnection> connection_;
  Instant connected_at_;
  Instant due_;
  std::uint32_t failures_ = 0;  // in a row
  // What is wrong, the worst first; each "" if nothing is.
  std::string error_ = "is not connected yet";
  std::string blocked_;
  std::string complaint_;
  std::uint64_t connections_ = 0;
  std::uint64_t failed_ = 0;
  Published<Shown> shown_;
  mutable std::mutex mutex_;  // of those below, which change with a connection
  std::string trouble_ = error_;
  std::string note_;
  std::optional<std::string> password_;  // that is to be used from now on
};

}  // namespace xylem
