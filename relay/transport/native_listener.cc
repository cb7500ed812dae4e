#include "relay/transport/native_listener.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace xylem {

Result<std::unique_ptr<NativeListener>> NativeListener::open(const Address& address,
                                                             const IpcAccess& access,
                                                             Poller& poller, Owner& owner) {
  XYLEM_TRY(const int fd, listen_on(address, access));
  auto bound = address_of(fd, address);
  if (!bound) {
    ::close(fd);
    return tl::unexpected(bound.error());
  }
  return std::unique_ptr<NativeListener>(new NativeListener(fd, *bound, poller, owner));
}

NativeListener::NativeListener(int fd, Address address, Poller& poller, Owner& owner)
    : fd_(fd),
      address_(std::move(address)),
      poller_(poller),
      owner_(owner),
      token_(poller.watch(fd, EPOLLIN, *this)),
      alarm_(poller.no_alarm()) {}

NativeListener::~NativeListener() {
  poller_.cancel(alarm_);
  poller_.unwatch(token_, fd_);
  ::close(fd_);
}

void NativeListener::on_ready(std::uint32_t) {
  for (int count = 0; count < kAcceptsPerTurn; ++count) {
    if (!owner_.may_accept()) return pause();
    const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) {
      owner_.on_accepted(fd);
      continue;
    }
    if (errno == EINTR || errno == ECONNABORTED) continue;
    if (errno == EAGAIN) return;
    // No descriptor, no memory: asked again at once it would be the same.
    pause();
    if (alarm_ == poller_.no_alarm()) alarm_ = poller_.set_alarm(Poller::now() + kRetry, *this);
    return;
  }
}

void NativeListener::on_time(Poller::Time) {
  alarm_ = poller_.no_alarm();
  resume();
}

void NativeListener::pause() {
  if (!std::exchange(paused_, true)) poller_.rewatch(token_, fd_, 0);
}

void NativeListener::resume() {
  if (alarm_ == poller_.no_alarm() && std::exchange(paused_, false)) {
    poller_.rewatch(token_, fd_, EPOLLIN);
  }
}

}  // namespace xylem
