#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "relay/base/ids.h"
#include "relay/event/source_place.h"
#include "relay/spool/segment_reader.h"

namespace xylem {

// What the sources of an acked endpoint have sent, as a segment begins with it (docs/spool.md): so
// that what they send again is known without the segments before. Pure.

// The one heard of longest ago first.
[[nodiscard]] std::vector<std::byte> write_sources(const SourcePlaces& sources);
// Takes them over. REQUIRES a record of kind `sources`.
void read_sources(const SegmentReader::Record& record, SourcePlaces& sources);
// A batch of a source was logged, its last piece.
void note_source(SourceId source, BatchNumber number, std::int64_t heard_us, SourcePlaces& sources);
// Forgets those that were silent for longer than `age_us`, and, if there are more than `most`,
// those heard of longest ago, some more than that, so that it need not be done for each newcomer.
void forget_sources(SourcePlaces& sources, std::size_t most, std::int64_t now_us,
                    std::int64_t age_us);

}  // namespace xylem
