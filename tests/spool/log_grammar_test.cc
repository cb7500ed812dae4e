// Goal    a relay starts over whatever stands in its spool: it reads what was written and nothing
//         else, all of it where nothing is damaged, and goes on.
// Method  segments, records and cursors from a grammar (tests/doubles/log_grammar.h), cut, flipped,
//         zeroed and mixed; recovered, read, written to and read again.

#include <gtest/gtest.h>

#include <cstdlib>

#include "relay/base/log.h"
#include "tests/doubles/log_run.h"

namespace xylem {
namespace {

TEST(LogGrammar, WhatIsReadIsWhatWasWritten) {
  set_log_level(LogLevel::error);
  std::uint64_t read = 0;
  std::uint64_t damaged = 0;
  for (const std::uint64_t seed : testing::seeds(1500)) {
    SCOPED_TRACE(testing::named(seed));
    testing::Chance chance(seed);
    testing::LogRun run(chance);
    ASSERT_EQ(run.run(), "");
    read += run.read();
    damaged += run.was_damaged();
  }
  set_log_level(LogLevel::info);
  if (std::getenv("XYLEM_TEST_SEED") != nullptr) return;
  EXPECT_GT(read, 5'000u) << "the premise";
  EXPECT_GT(damaged, 300u) << "the premise";
}

}  // namespace
}  // namespace xylem
