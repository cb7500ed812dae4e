#include "relay/base/log.h"
#include "tests/doubles/control_run.h"
#include "tests/fuzz/fuzzed.h"

using namespace xylem;

// The bytes as a frame; and as the choices of what is said, told to the rules of each end.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  XYLEM_CHECK(testing::fault_of_reading(testing::frame_of(bytes, size)).empty(),
              "a control frame survives being written");
  set_log_level(LogLevel::error);  // each refusal is told to people
  testing::Chance chance{std::span(bytes, size)};
  testing::ControlRun run(chance);
  XYLEM_CHECK(run.run().empty(), "what is said is read as it was meant");
  return 0;
}
