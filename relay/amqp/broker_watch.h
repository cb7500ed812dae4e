#pragma once

#include <utility>
#include <vector>

#include "relay/agent/agent.h"
#include "relay/amqp/broker_pulse.h"
#include "relay/base/log.h"

namespace xylem {

// Sees to it that no call to a broker lasts for ever: on another thread, whose sleeps are short.
class BrokerWatch final : public Agent {
 public:
  // The pulses must outlive the agent.
  explicit BrokerWatch(std::vector<BrokerPulse*> pulses) : pulses_(std::move(pulses)) {}

  [[nodiscard]] std::string_view name() const override { return "amqp watch"; }
  [[nodiscard]] Result<void> on_start() override { return {}; }
  [[nodiscard]] std::size_t do_work(Instant) override {
    for (BrokerPulse* pulse : pulses_) {
      if (pulse->end_if_stuck(kPatience)) {
        XYLEM_LOG(warning, "amqp: the broker took nothing for too long; the connection is cut");
      }
    }
    return 0;
  }
  [[nodiscard]] bool has_work() override { return false; }
  void wait_fds(std::vector<int>&) const override {}
  [[nodiscard]] Drain drain(Instant now) override {
    static_cast<void>(do_work(now));
    return Drain::finished;
  }
  [[nodiscard]] std::uint64_t on_stop() override { return 0; }

 private:
  // Well under the fifteen seconds after which a thread is said to be stuck.
  static constexpr Duration kPatience = std::chrono::seconds(10);
  std::vector<BrokerPulse*> pulses_;
};

}  // namespace xylem
