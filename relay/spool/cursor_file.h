#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "relay/base/ids.h"
#include "relay/base/result.h"
#include "relay/spool/disk.h"
#include "relay/spool/log_catalog.h"
#include "relay/spool/segment_format.h"

namespace xylem {

// How far a consumer of the log has come, in a file beside the segments: two slots written in turn,
// so that a write that is torn leaves the one before. Losing it costs repetitions, never events.
// One owner thread. docs/spool.md draws it.
class CursorFile {
 public:
  struct Cursor {
    SourceId source;      // by which the relay upstream knows this log
    RecordNumber number;  // the next record to be sent on
    LogPosition position;
  };
  // Reads the file, or makes it. A damaged one is as none. Errors: io, no_space.
  [[nodiscard]] static Result<CursorFile> open(Disk& disk, const std::string& name);

  [[nodiscard]] const std::optional<Cursor>& found() const { return found_; }
  // Not synced: a kill does not lose what was written, and a loss of power only repeats.
  [[nodiscard]] Result<void> save(const Cursor& cursor);
  [[nodiscard]] Result<void> sync() { return file_->sync(); }

 private:
  CursorFile() = default;
  std::unique_ptr<File> file_;
  std::optional<Cursor> found_;
  std::uint64_t generation_ = 0;
};

}  // namespace xylem
