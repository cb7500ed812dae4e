#pragma once

#include <atomic>
#include <cstdint>

namespace xylem {

// How one thread wakes another that sleeps in poll(2). The owner says that it will sleep, looks
// once more for work, then polls on fd(); a ring between the first and the last step is never lost.
// While the owner is awake, ring() is one atomic exchange and no system call, so producers ring
// once per cycle without asking.
class Doorbell {
 public:
  Doorbell();
  ~Doorbell();
  Doorbell(const Doorbell&) = delete;
  Doorbell& operator=(const Doorbell&) = delete;

  // Any thread.
  void ring() noexcept;

  // Owner thread only. Between will_sleep() and woke() the owner may poll on fd().
  void will_sleep() noexcept;
  void woke() noexcept;
  [[nodiscard]] int fd() const noexcept { return fd_; }

 private:
  enum class State : int { awake, asleep };
  std::atomic<State> state_{State::awake};
  int fd_;
  // Owner's. Rings whose write to fd_ was not read yet: one can come after the owner woke for
  // another reason, and left unread it would end every later sleep at once.
  std::uint64_t owed_ = 0;
};

}  // namespace xylem
