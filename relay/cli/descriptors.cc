#include "relay/cli/descriptors.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

namespace xylem::cli {
namespace {

// Whoever takes it out spends it; -1 while it is spent, or was never had.
std::atomic<int> reserve{-1};

void put_reserve_back() {
  const int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (const int other = reserve.exchange(fd); other >= 0) ::close(other);
}

int accept_by_kernel(int listener, sockaddr* address, socklen_t* length, int flags) {
  return static_cast<int>(::syscall(SYS_accept4, listener, address, length, flags));
}

}  // namespace

void prepare_for_few_descriptors() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
  put_reserve_back();
}

}  // namespace xylem::cli

extern "C" int accept4(int listener, sockaddr* address, socklen_t* length, int flags) {
  using namespace xylem::cli;
  const int taken = accept_by_kernel(listener, address, length, flags);
  if (taken >= 0 || errno != EMFILE) return taken;
  if (const int fd = reserve.exchange(-1); fd >= 0) {
    ::close(fd);
    const int turned_away = accept_by_kernel(listener, nullptr, nullptr, flags);
    if (turned_away >= 0) ::close(turned_away);
  }
  put_reserve_back();
  // Which both of libzmq's listeners take for a peer that left by itself.
  errno = ECONNABORTED;
  return -1;
}
