#include "relay/node/signals.h"

#include <pthread.h>
#include <signal.h>

#include <ctime>

namespace xylem {
namespace {

sigset_t handled() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set, signal);
  return set;
}

}  // namespace

Signals::Signals() {
  const sigset_t set = handled();
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
}

std::optional<Signals::Signal> Signals::wait(Duration timeout) {
  const sigset_t set = handled();
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(timeout);
  const timespec limit{seconds.count(), (timeout - seconds).count()};
  const int signal = ::sigtimedwait(&set, nullptr, &limit);
  if (signal < 0) return std::nullopt;
  return signal == SIGHUP ? Signal::reload : Signal::stop;
}

}  // namespace xylem
