#include "relay/transport/native_connector.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "relay/transport/listening.h"

namespace xylem {

NativeConnector::NativeConnector(Address address, const Pace& pace, Poller& poller, Owner& owner)
    : address_(std::move(address)),
      pace_(pace),
      poller_(poller),
      owner_(owner),
      alarm_(poller.no_alarm()) {
  begin();
}

NativeConnector::~NativeConnector() { give_up(); }

void NativeConnector::give_up() {
  poller_.cancel(alarm_);
  if (fd_ < 0) return;
  poller_.unwatch(token_, fd_);
  ::close(std::exchange(fd_, -1));
}

void NativeConnector::begin() {
  const auto fd = begin_to_connect(address_);
  if (!fd) return on_lost();
  fd_ = *fd;
  token_ = poller_.watch(fd_, EPOLLOUT, *this);
  alarm_ = poller_.set_alarm(Poller::now() + kConnectMax, *this);
}

// Also a connection over ipc that was made at once is told of here.
void NativeConnector::on_ready(std::uint32_t) {
  int error = 0;
  socklen_t length = sizeof error;
  ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &length);
  if (error != 0) return on_lost();
  poller_.cancel(alarm_);
  poller_.unwatch(token_, fd_);
  owner_.on_made(*this, std::exchange(fd_, -1));
}

void NativeConnector::on_lost() {
  give_up();
  const int doubled = pace_.reconnect_ms << std::min(failures_++, 10);
  const int most = std::max(pace_.reconnect_ms, pace_.reconnect_max_ms);
  const int wait = std::min(doubled, most);
  // Those who lost the same relay do not all come back at once.
  const int more = static_cast<int>(chance_() % static_cast<unsigned>(wait / 4 + 1));
  alarm_ = poller_.set_alarm(Poller::now() + std::chrono::milliseconds(wait + more), *this);
}

void NativeConnector::on_time(Poller::Time) {
  alarm_ = poller_.no_alarm();
  fd_ < 0 ? begin() : on_lost();
}

}  // namespace xylem
