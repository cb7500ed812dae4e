#include "relay/codec/celery_json.h"
#include "tests/doubles/scanned_json.h"
#include "tests/fuzz/fuzzed.h"

using xylem::testing::ScannedJson;

// Every event that is found lies inside the text, behind the one before, and is an event of the
// same type and time when it stands alone.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  ScannedJson scan;
  scan.read(xylem::testing::text_of(bytes, size));
  if (!scan.accepted()) return 0;
  ScannedJson alone;
  std::size_t end = 0;
  for (std::size_t i = 0; i < scan.scan().events.size(); ++i) {
    const xylem::JsonEvent& event = scan.event(i);
    XYLEM_CHECK(event.offset >= end && event.offset + event.length <= size,
                "events do not overlap");
    end = event.offset + event.length;
    if (!event.accepted) continue;
    alone.read(scan.body(i));
    XYLEM_CHECK(alone.accepted() && !alone.scan().is_list, "an event is a text by itself");
    XYLEM_CHECK(alone.event().accepted && alone.event().type == event.type &&
                    alone.event().timestamp_us == event.timestamp_us &&
                    alone.event().length == event.length,
                "an event says the same when it stands alone");
  }
  return 0;
}
