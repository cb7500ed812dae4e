#pragma once

#include <cstdint>

#include "relay/base/ids.h"
#include "relay/event/batch.h"

namespace xylem {

// An event's place in the whole log: that of an epoch behind that of the epochs before it.
struct LogPosition {
  Epoch epoch;
  Sequence sequence;
  friend constexpr auto operator<=>(const LogPosition&, const LogPosition&) = default;
};

// The relay's log on disk, read in order from some place on; the spool has it. One owner thread.
class LogHistory {
 public:
  virtual ~LogHistory() = default;
  // The next read() begins with the first record that has this event or a later one.
  virtual void seek(Epoch epoch, Sequence sequence) = 0;
  // With what was taken in at this wall-clock time, or later.
  virtual void seek(std::int64_t since_us) = 0;
  // The next batch that can be read, or nothing: the log has no more just now, or it passed over as
  // much as one call may; has_more() tells which.
  [[nodiscard]] virtual BatchRef read() = 0;
  [[nodiscard]] virtual bool has_more() const = 0;
  // What lies before has come to the log by now: whatever read() does not give of it, once there is
  // no more, it has let go of.
  [[nodiscard]] virtual LogPosition passed_to() const = 0;
  // Holds no file until it is read again.
  virtual void rest() = 0;
  // Behind the last event of an epoch that has ended, as far as the log knows, whether or not it
  // can be read.
  [[nodiscard]] virtual Sequence end_of(Epoch epoch) const = 0;
  // Whether it has let go of nothing that was at or behind this place, as far as it can tell.
  [[nodiscard]] virtual bool reaches(Epoch epoch, Sequence sequence) const = 0;
  // The same of what was taken in at a wall-clock time or later.
  [[nodiscard]] virtual bool reaches(std::int64_t since_us) const = 0;
};

}  // namespace xylem
