#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "relay/base/ids.h"
#include "relay/spool/segment_reader.h"

namespace xylem {

// What the sources of an acked endpoint have sent, as a segment begins with it (docs/spool.md): so
// that what they send again is known without the segments before. Pure.

[[nodiscard]] std::vector<std::byte> write_sources(
    const std::map<std::uint64_t, BatchNumber>& sources);
// Takes them over. REQUIRES a record of kind `sources`.
void read_sources(const SegmentReader::Record& record,
                  std::map<std::uint64_t, BatchNumber>& sources);
// A batch of a source was logged.
void note_source(const RecordHeader& record, std::map<std::uint64_t, BatchNumber>& sources);

}  // namespace xylem
