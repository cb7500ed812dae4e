#pragma once

#include <optional>

#include "relay/base/clock.h"

namespace xylem {

// SIGINT, SIGTERM and SIGHUP as things to be asked for. Made before any thread, so that every
// thread leaves them to the one that asks. One per process.
class Signals {
 public:
  enum class Signal { stop, reload };
  Signals();
  // The next one, or nothing when `timeout` has passed.
  [[nodiscard]] std::optional<Signal> wait(Duration timeout);
};

}  // namespace xylem
