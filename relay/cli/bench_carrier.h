#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "relay/base/clock.h"
#include "relay/cli/bench_accounts.h"
#include "relay/cli/bench_event.h"

namespace xylem::cli {

// What carries a run's events: Xylem, or a peer it is compared with. The loops, the events and the
// accounts are the same for all; a carrier only sends and receives. Each object is used by the
// thread that made it, in a process of its own.

class BenchProducer {
 public:
  virtual ~BenchProducer() = default;
  // Sends one event, or a list of them under kBenchListKey. Blocks while there is no room; may keep
  // it back to send several at once.
  virtual void send(const BenchEvent& event) = 0;
  // Sends what was kept back: the loop is about to wait for its next event.
  virtual void flush() = 0;
  // Hands over the rest; returns how many events were left behind.
  virtual std::uint64_t close() = 0;
};

class BenchSink {
 public:
  virtual ~BenchSink() = default;
  // Books what has come, waiting for it for `timeout` at most. False: nothing will come any more.
  [[nodiscard]] virtual bool receive(BenchAccounts& accounts, Duration timeout) = 0;
};

class BenchCarrier {
 public:
  virtual ~BenchCarrier() = default;
  [[nodiscard]] virtual std::string name() const = 0;
  // `endpoint` is one of options.push. Null: it could not connect.
  [[nodiscard]] virtual std::unique_ptr<BenchProducer> producer(const std::string& endpoint) = 0;
  // A subscriber to all of `patterns` together; `stalls` if it will be held up on purpose.
  [[nodiscard]] virtual std::unique_ptr<BenchSink> sink(const std::vector<std::string>& patterns,
                                                        bool stalls) = 0;
};

// Xylem's own: plain ZeroMQ or the C++ library on either end, as options.lane and options.sink say.
// `options` must outlive it.
[[nodiscard]] std::unique_ptr<BenchCarrier> xylem_carrier(const BenchOptions& options);

}  // namespace xylem::cli
