// Goal    whatever is said, it is read as it was meant or refused; nothing aborts.
// Method  controls from a grammar (tests/doubles/control_grammar.h), written, bent, read, and told
//         to the rules of each end, the relay's and its peers'.

#include <gtest/gtest.h>

#include <cstdlib>

#include "relay/base/log.h"
#include "tests/doubles/control_run.h"

namespace xylem {
namespace {

TEST(ControlGrammar, WhatIsReadWasMeantAndIsBorneByBothEnds) {
  set_log_level(LogLevel::error);
  std::uint64_t taken = 0;
  std::uint64_t refused = 0;
  std::uint64_t acked = 0;
  for (const std::uint64_t seed : testing::seeds(3000)) {
    SCOPED_TRACE(testing::named(seed));
    testing::Chance chance(seed);
    testing::ControlRun run(chance);
    ASSERT_EQ(run.run(), "");
    taken += run.taken();
    refused += run.refused();
    acked += run.acked();
  }
  set_log_level(LogLevel::info);
  if (std::getenv("XYLEM_TEST_SEED") != nullptr) return;
  EXPECT_GT(taken, 10'000u) << "the premise";
  EXPECT_GT(refused, 500u) << "the premise";
  EXPECT_GT(acked, 500u) << "the premise";
}

}  // namespace
}  // namespace xylem
