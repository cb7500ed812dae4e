#include "relay/ring/doorbell.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

#include "relay/base/check.h"

namespace xylem {

Doorbell::Doorbell() : fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  XYLEM_CHECK(fd_ >= 0, "an eventfd per thread");
}

Doorbell::~Doorbell() { ::close(fd_); }

// Exchanges, not loads and stores: each side's read-modify-write orders its look at the ring after
// its word about itself, so that one of the two always sees the other.
void Doorbell::ring() noexcept {
  if (state_.exchange(State::awake, std::memory_order_seq_cst) == State::asleep) {
    const std::uint64_t one = 1;
    // The counter cannot overflow: the owner reads it before it sleeps again.
    [[maybe_unused]] const auto written = ::write(fd_, &one, sizeof one);
  }
}

void Doorbell::will_sleep() noexcept { state_.exchange(State::asleep, std::memory_order_seq_cst); }

void Doorbell::woke() noexcept {
  owed_ += state_.exchange(State::awake, std::memory_order_seq_cst) == State::awake;
  if (owed_ == 0) return;
  std::uint64_t rings = 0;
  if (::read(fd_, &rings, sizeof rings) == sizeof rings) owed_ -= rings;
}

}  // namespace xylem
