#include "relay/amqp/broker_pulse.h"

#include <sys/socket.h>

namespace xylem {

void BrokerPulse::watch(int fd) {
  const std::lock_guard lock(mutex_);
  fd_ = fd;
}

bool BrokerPulse::end_if_stuck(Duration patience) {
  const std::int64_t since = since_ns_.load(std::memory_order_relaxed);
  if (since == 0 || clock_.now() - Instant{Duration(since)} < patience) return false;
  const std::lock_guard lock(mutex_);
  return fd_ >= 0 && ::shutdown(fd_, SHUT_RDWR) == 0;
}

}  // namespace xylem
