#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>

#include "relay/base/clock.h"

namespace xylem {

// librabbitmq writes without a time limit: on a broker that takes nothing more the thread would
// wait for ever (pitfalls §3.1). So whoever calls it says when it began, and another thread that
// sees it last too long shuts the socket down, which ends the call with an error.
class BrokerPulse {
 public:
  explicit BrokerPulse(const Clock& clock) : clock_(clock) {}

  // The connection's thread.
  class Call {
   public:
    explicit Call(BrokerPulse& pulse) : pulse_(pulse) {
      pulse_.since_ns_.store(pulse_.clock_.now().since_boot.count(), std::memory_order_relaxed);
    }
    ~Call() { pulse_.since_ns_.store(0, std::memory_order_relaxed); }
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

   private:
    BrokerPulse& pulse_;
  };
  // Which socket it is about; -1: none.
  void watch(int fd);

  // Another thread: ends a call that has lasted for longer than `patience`; true if it did.
  bool end_if_stuck(Duration patience);

 private:
  const Clock& clock_;
  std::atomic<std::int64_t> since_ns_{0};
  std::mutex mutex_;  // of fd_: a socket is not closed while somebody shuts it down
  int fd_ = -1;
};

}  // namespace xylem
