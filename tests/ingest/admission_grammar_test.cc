// Goal    whatever comes to a source, what it lets in is taken by every link, writer and reader
//         with the same limits, and nothing aborts.
// Method  messages and frames from a grammar (tests/doubles/event_grammar.h); each batch that comes
//         out is read, checked, thinned, split and read again.

#include <gtest/gtest.h>

#include "tests/doubles/admission_run.h"

namespace xylem {
namespace {

TEST(AdmissionGrammar, WhatIsLetInIsTakenEverywhere) {
  std::uint64_t handed_on = 0;
  std::uint64_t refused = 0;
  std::uint64_t shaped = 0;
  for (const std::uint64_t seed : testing::seeds(1500)) {
    SCOPED_TRACE(testing::named(seed));
    testing::Chance chance(seed);
    testing::AdmissionRun run(chance);
    ASSERT_EQ(run.run(), "");
    handed_on += run.handed_on();
    refused += run.refused();
    shaped += run.shaped();
  }
  if (std::getenv("XYLEM_TEST_SEED") != nullptr) return;
  EXPECT_GT(handed_on, 10'000u) << "the premise";
  EXPECT_GT(shaped, 500u) << "the premise";
  EXPECT_GT(refused, 1000u) << "the premise";
}

}  // namespace
}  // namespace xylem
