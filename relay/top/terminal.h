#pragma once

#include <chrono>
#include <memory>
#include <optional>

#include "relay/base/result.h"
#include "relay/top/key.h"
#include "relay/top/screen.h"

namespace xylem::top {

// The terminal of the process, drawn on by ncurses, which is known to this file alone. While it
// lives the screen is an own one and keys come as they are pressed; afterwards, and while the
// process is stopped (Ctrl-Z), all is as before: also when a signal ends the process, or a bug. One
// per process, and one owner thread.
class Terminal {
 public:
  // Errors: io, for a terminal that cannot be drawn on, with the reason.
  [[nodiscard]] static Result<std::unique_ptr<Terminal>> open();
  virtual ~Terminal() = default;

  [[nodiscard]] virtual Size size() const = 0;
  // Writes what has changed.
  virtual void draw(const Screen& screen) = 0;
  // The next time all of it is written.
  virtual void forget_drawn() = 0;
  // The next key; nothing if none came for so long, or if something else did: look at the size and
  // at ended().
  [[nodiscard]] virtual std::optional<Key> wait(std::chrono::milliseconds patience) = 0;
  // Somebody wants an end: SIGINT, SIGTERM, SIGHUP, or a terminal that is gone.
  [[nodiscard]] virtual bool ended() const = 0;
};

}  // namespace xylem::top
