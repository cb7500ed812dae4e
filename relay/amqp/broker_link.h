#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <string>

#include "relay/amqp/broker_connection.h"
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
  [[nodiscard]] bool blocked() const { return !blocked_.empty(); }
  void close();

  // Any thread.
  // Why it does not work, or "".
  [[nodiscard]] std::string trouble() const;
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
  void say(std::string trouble);
  void show() { shown_.publish({connection_ != nullptr, blocked(), connections_, failed_}); }

  BrokerOptions options_;
  std::string what_;
  const Clock& clock_;
  DistinctLog log_;
  std::mt19937_64 random_;
  BrokerPulse pulse_;
  std::unique_ptr<BrokerConnection> connection_;
  Instant due_;
  std::uint32_t failures_ = 0;  // in a row
  std::string blocked_;
  std::uint64_t connections_ = 0;
  std::uint64_t failed_ = 0;
  Published<Shown> shown_;
  mutable std::mutex mutex_;  // of trouble_, which changes with the connection
  std::string trouble_ = "is not connected yet";
};

}  // namespace xylem
