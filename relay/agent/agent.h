#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "relay/base/clock.h"
#include "relay/base/result.h"

namespace xylem {

// One unit of work with one owner thread. The runner makes every call, all on that thread:
//
//   on_start   once; opens sockets and files. An error ends the start of the whole relay.
//   do_work    again and again; moves a bounded run and returns how many items it moved, 0 when
//              there was nothing to do. Must not block.
//   has_work   before the thread sleeps; true if do_work would find something now.
//   wait_fds   file descriptors whose readability may mean work. Asked before every sleep.
//   due        when do_work will find something by the clock alone. Asked before every sleep.
//   drain      instead of do_work once a stop is requested; takes nothing new, finishes what was
//              accepted. `unfinished` until then; not called again once the deadline has passed.
//   on_stop    once; closes what on_start opened, and returns how many events it leaves behind.
class Agent {
 public:
  enum class Drain { finished, unfinished };

  virtual ~Agent() = default;
  [[nodiscard]] virtual std::string_view name() const = 0;
  [[nodiscard]] virtual Result<void> on_start() = 0;
  [[nodiscard]] virtual std::size_t do_work(Instant now) = 0;
  [[nodiscard]] virtual bool has_work() = 0;
  virtual void wait_fds(std::vector<int>& fds) const = 0;
  [[nodiscard]] virtual std::optional<Instant> due() const { return std::nullopt; }
  [[nodiscard]] virtual Drain drain(Instant now) = 0;
  [[nodiscard]] virtual std::uint64_t on_stop() = 0;
};

}  // namespace xylem
