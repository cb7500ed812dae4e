#include "relay/base/check.h"

#include <poll.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace xylem {

void check_failed(const char* condition, const char* promise, const char* file, int line) {
  // Somebody who does not read stderr must not keep a broken program alive.
  pollfd room{STDERR_FILENO, POLLOUT, 0};
  constexpr int kPatienceMs = 100;
  if (::poll(&room, 1, kPatienceMs) != 1) std::abort();
  std::fprintf(stderr, "xylem: broken promise: %s (%s) at %s:%d\n", promise, condition, file, line);
  std::abort();
}

}  // namespace xylem
