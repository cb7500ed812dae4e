#pragma once

#include <cstdint>
#include <string>

#include "relay/base/clock.h"
#include "relay/base/result.h"

namespace xylem::cli {

// A time in the past as people write it: how long ago ("5m", as the configuration's durations), or
// when (RFC 3339, "2026-11-24T10:00:00Z", "2026-11-24T10:00:00.5+01:00"). `now_us` and `at_us`
// are wall clock, microseconds since 1970, and the answer is at least 1. Errors: usage, for
// anything else.
struct Since {
  std::int64_t at_us = 0;
  // How long ago, if it was said so; a relay goes by that, whose clock may differ from ours.
  Duration age{0};
};
[[nodiscard]] Result<Since> parse_since(const std::string& text, std::int64_t now_us);

}  // namespace xylem::cli
