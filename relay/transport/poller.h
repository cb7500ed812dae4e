#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "relay/base/clock.h"
#include "relay/base/result.h"

namespace xylem {

// One epoll set for all native sockets of a thread. A descriptor is watched edge-triggered: what is
// ready is told once, and whoever is told remembers it, so that a peer that is not read for want of
// room wakes nobody. One owner thread.
class Poller {
 public:
  using Time = Instant;

  // Told what happened on a descriptor, and that a time has come. May change what is watched, and
  // end others.
  class Watcher {
   public:
    virtual ~Watcher() = default;
    // `events` as epoll(7) has them.
    virtual void on_ready(std::uint32_t events) = 0;
    virtual void on_time(Time now) = 0;
  };

  // REQUIRES that a descriptor is to be had; is_open() says whether one was.
  Poller();
  ~Poller();
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;
  [[nodiscard]] bool is_open() const { return epoll_ >= 0 && timer_ >= 0; }

  // What poll(2) is to watch: readable if collect() would tell somebody something.
  [[nodiscard]] int fd() const { return epoll_; }

  // A place in the set. 0 is none.
  using Token = std::uint64_t;
  [[nodiscard]] Token watch(int fd, std::uint32_t events, Watcher& watcher);
  void rewatch(Token token, int fd, std::uint32_t events);
  // The descriptor is told of no longer, also not by a collect() that is under way.
  void unwatch(Token token, int fd);

  using Alarm = std::multimap<Time, Watcher*>::iterator;
  [[nodiscard]] Alarm set_alarm(Time at, Watcher& watcher);
  [[nodiscard]] Alarm no_alarm() { return alarms_.end(); }
  void cancel(Alarm& alarm);
  [[nodiscard]] static Time now() { return SystemClock().now(); }

  // Tells everybody what is ready, and waits for nothing. One system call.
  void collect();
  // How often that was done. Who finds nothing and sees that somebody else has collected since he
  // last looked need not do it again.
  [[nodiscard]] std::uint64_t collected() const { return collected_; }

 private:
  struct Place {
    Watcher* watcher = nullptr;
    std::uint32_t round = 0;  // of the place's use, so that an old event is known
  };
  static constexpr Time kNever{Duration::max()};
  void ring_alarms();
  void arm();

  int epoll_;
  int timer_;
  std::vector<Place> places_;
  std::vector<std::uint32_t> free_;
  std::multimap<Time, Watcher*> alarms_;
  Time armed_ = kNever;
  std::uint64_t collected_ = 0;
};

}  // namespace xylem
