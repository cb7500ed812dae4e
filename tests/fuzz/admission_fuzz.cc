#include "tests/doubles/admission_run.h"
#include "tests/fuzz/fuzzed.h"

// The input chooses what the grammar makes; what a source lets in of it is taken everywhere.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  xylem::testing::Chance chance{std::span(bytes, size)};
  xylem::testing::AdmissionRun run(chance);
  XYLEM_CHECK(run.run().empty(), "what is let in is taken everywhere");
  return 0;
}
