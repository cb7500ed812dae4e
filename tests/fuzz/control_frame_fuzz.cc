#include "relay/codec/control_codec.h"
#include "tests/fuzz/fuzzed.h"

using namespace xylem;

// A control frame that is read can be written, and is then read as the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto control = read_control(testing::frame_of(bytes, size));
  if (!control || std::holds_alternative<Unknown>(*control)) return 0;
  const auto written = write_control(*control);
  const auto again = read_control(written);
  XYLEM_CHECK(again && write_control(*again) == written, "a control frame survives being written");
  return 0;
}
