#include "relay/transport/poller.h"

#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "relay/base/check.h"

namespace xylem {
namespace {

constexpr std::size_t kEventsPerCollect = 256;
constexpr Poller::Token kTimer = 0;

std::uint32_t index_of(Poller::Token token) { return static_cast<std::uint32_t>(token) - 1; }
std::uint32_t round_of(Poller::Token token) { return static_cast<std::uint32_t>(token >> 32); }

}  // namespace

Poller::Poller()
    : epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      timer_(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)) {
  if (!is_open()) return;
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = kTimer;
  ::epoll_ctl(epoll_, EPOLL_CTL_ADD, timer_, &event);
}

Poller::~Poller() {
  if (timer_ >= 0) ::close(timer_);
  if (epoll_ >= 0) ::close(epoll_);
}

Poller::Token Poller::watch(int fd, std::uint32_t events, Watcher& watcher) {
  if (free_.empty()) {
    free_.push_back(static_cast<std::uint32_t>(places_.size()));
    places_.emplace_back();
  }
  const std::uint32_t index = free_.back();
  free_.pop_back();
  Place& place = places_[index];
  place.watcher = &watcher;
  const Token token = static_cast<Token>(++place.round) << 32 | (index + 1);
  epoll_event event{};
  event.events = events;
  event.data.u64 = token;
  XYLEM_CHECK(::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0, "a descriptor can be watched");
  return token;
}

void Poller::rewatch(Token token, int fd, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = token;
  XYLEM_CHECK(::epoll_ctl(epoll_, EPOLL_CTL_MOD, fd, &event) == 0, "a descriptor is watched");
}

void Poller::unwatch(Token token, int fd) {
  ::epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
  places_[index_of(token)].watcher = nullptr;
  free_.push_back(index_of(token));
}

Poller::Alarm Poller::set_alarm(Time at, Watcher& watcher) {
  const Alarm alarm = alarms_.emplace(at, &watcher);
  arm();
  return alarm;
}

// The timer is left as it is: at most it wakes once for nothing.
void Poller::cancel(Alarm& alarm) {
  if (alarm != alarms_.end()) alarms_.erase(alarm);
  alarm = alarms_.end();
}

void Poller::arm() {
  if (alarms_.empty() || alarms_.begin()->first >= armed_) return;
  armed_ = alarms_.begin()->first;
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(armed_.since_boot);
  itimerspec when{};
  when.it_value.tv_sec = seconds.count();
  when.it_value.tv_nsec = (armed_.since_boot - seconds).count();
  ::timerfd_settime(timer_, TFD_TIMER_ABSTIME, &when, nullptr);
}

void Poller::ring_alarms() {
  std::uint64_t times = 0;
  if (::read(timer_, &times, sizeof times) < 0) return;  // not yet
  armed_ = kNever;
  const Time now = Poller::now();
  // Those that a watcher sets meanwhile are later ones.
  while (!alarms_.empty() && alarms_.begin()->first <= now) {
    Watcher* const watcher = alarms_.begin()->second;
    alarms_.erase(alarms_.begin());
    watcher->on_time(now);
  }
  arm();
}

void Poller::collect() {
  ++collected_;
  std::array<epoll_event, kEventsPerCollect> events;
  const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 0);
  bool time = false;
  for (int i = 0; i < count; ++i) {
    const Token token = events[static_cast<std::size_t>(i)].data.u64;
    if (token == kTimer) {
      time = true;
      continue;
    }
    const Place& place = places_[index_of(token)];
    if (place.watcher == nullptr || place.round != round_of(token)) continue;
    place.watcher->on_ready(events[static_cast<std::size_t>(i)].events);
  }
  if (time) ring_alarms();
}

}  // namespace xylem
