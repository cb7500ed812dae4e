#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "relay/base/result.h"
#include "relay/event/source_place.h"
#include "relay/spool/disk.h"
#include "relay/spool/log_catalog.h"
#include "relay/spool/segment_format.h"

namespace xylem {

// What a log was found to have when its relay started. Nothing is deleted: a file that is no
// segment after all is renamed, the torn end of one is copied away, and `set_aside` names both.
struct RecoveredLog {
  std::vector<SegmentFacts> segments;
  std::uint64_t next_ordinal = 1;
  RecordNumber newest;  // the last record's number; 0 if there is none
  Epoch newest_epoch;
  // How far each source of an acked endpoint had come.
  SourcePlaces sources;

  struct SetAside {
    std::string name;
    std::string why;
  };
  std::vector<SetAside> set_aside;
  std::uint64_t damaged_bytes = 0;  // that could be seen without reading everything
};

// Asked now and then while much is read: whether somebody wants the relay to stop.
using StopAsked = std::function<bool()>;

// Reads what is needed of the log's files: of finished segments their ends, of others everything.
// Errors: refused, if a newer program wrote the log, or `stop_asked` said yes, and then the log is
// as whole as before; io.
[[nodiscard]] Result<RecoveredLog> recover_log(Disk& disk, const StopAsked& stop_asked = {});

// What a look at every record of a log finds; `xylem spool verify` shows it.
struct SegmentReport {
  SegmentFacts facts;
  std::uint64_t batches = 0;
  std::uint64_t events = 0;
  std::uint64_t damaged_bytes = 0;
  bool finished = false;
  std::string problem;  // why it could not be read at all
};
[[nodiscard]] Result<std::vector<SegmentReport>> verify_log(Disk& disk);

}  // namespace xylem
