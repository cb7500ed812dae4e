#include "relay/transport/native_listener.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace xylem {
namespace {

constexpr rlim_t kDescriptorNumberMax = 1 << 30;

}  // namespace

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

// The kernel gives the lowest number that is free.
bool NativeListener::few_descriptors_left() const {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return false;
  const auto most = static_cast<int>(std::min<rlim_t>(limit.rlim_cur, kDescriptorNumberMax));
  const int next = ::fcntl(fd_, F_DUPFD_CLOEXEC, 0);
  if (next >= 0) ::close(next);
  return next < 0 || next >= most - std::min(kDescriptorsKept, most / 8);
}

void NativeListener::on_ready(std::uint32_t) {
  for (int count = 0; count < kAcceptsPerTurn; ++count) {
    if (!owner_.may_accept() || few_descriptors_left()) return pause();
    // By the kernel, not through a program's own accept4(): the reserve of that is for libzmq.
    const auto fd = static_cast<int>(
        ::syscall(SYS_accept4, fd_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (fd >= 0) {
      owner_.on_accepted(fd);
      continue;
    }
    if (errno == EINTR || errno == ECONNABORTED) continue;
    if (errno == EAGAIN) return;
    return pause();
  }
}

void NativeListener::on_time(Poller::Time) {
  alarm_ = poller_.no_alarm();
  resume();
}

// Asked again at once it would be the same.
void NativeListener::pause() {
  if (std::exchange(paused_, true)) return;
  poller_.rewatch(token_, fd_, 0);
  alarm_ = poller_.set_alarm(Poller::now() + kRetry, *this);
  owner_.on_paused();
}

void NativeListener::resume() {
  poller_.cancel(alarm_);
  if (std::exchange(paused_, false)) poller_.rewatch(token_, fd_, EPOLLIN);
}

}  // namespace xylem
