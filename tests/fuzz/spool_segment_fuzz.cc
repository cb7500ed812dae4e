#include "relay/base/log.h"
#include "tests/doubles/log_run.h"
#include "tests/fuzz/fuzzed.h"

using namespace xylem;

// The input chooses what a writer and a disk have left, and stands among it as a segment, or behind
// a segment's head: a relay that starts reads what was written, and goes on.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  set_log_level(LogLevel::error);  // what is set aside is told to people
  testing::Chance chance{std::span(bytes, size)};
  testing::LogRun run(chance);
  const bool raw = chance.one_in(2);
  XYLEM_CHECK(run.run(raw ? testing::frame_of(bytes, size) : std::span<const std::byte>{}).empty(),
              "a log is read as it was written");
  return 0;
}
