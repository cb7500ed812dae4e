#include "relay/cli/descriptors.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <limits>

namespace xylem::cli {
namespace {

// Whoever takes it out spends it; -1 while it is spent, or was never had.
std::atomic<int> reserve{-1};

void put_reserve_back() {
  const int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (const int other = reserve.exchange(fd); other >= 0) ::close(other);
}

// The number that a descriptor of libzmq's stays below; the kernel gives the lowest that is free.
int peers_end() {
  constexpr rlim_t kKeptMax = 32;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return std::numeric_limits<int>::max();
  const rlim_t kept = std::min(kKeptMax, limit.rlim_cur / 8);
  return static_cast<int>(std::min<rlim_t>(limit.rlim_cur - kept, std::numeric_limits<int>::max()));
}

int accept_by_kernel(int listener, sockaddr* address, socklen_t* length, int flags) {
  return static_cast<int>(::syscall(SYS_accept4, listener, address, length, flags));
}

// Takes the next one in on the reserve, and closes it.
void turn_away(int listener, int flags) {
  if (const int fd = reserve.exchange(-1); fd >= 0) {
    ::close(fd);
    const int taken = accept_by_kernel(listener, nullptr, nullptr, flags);
    if (taken >= 0) ::close(taken);
  }
  put_reserve_back();
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
  if (taken < 0 && errno != EMFILE) return taken;
  if (taken >= 0 && taken < peers_end()) return taken;
  taken >= 0 ? static_cast<void>(::close(taken)) : turn_away(listener, flags);
  // Which both of libzmq's listeners take for a peer that left by itself.
  errno = ECONNABORTED;
  return -1;
}
