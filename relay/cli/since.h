#pragma once

#include <cstdint>
#include <string>

#include "relay/base/result.h"

namespace xylem::cli {

// A time in the past as people write it: how long ago ("5m", as the configuration's durations), or
// when (RFC 3339, "2026-11-24T10:00:00Z", "2026-11-24T10:00:00.5+01:00"). `now_us` and the answer
// are wall clock, microseconds since 1970, and the answer is at least 1. Errors: usage, for
// anything else.
[[nodiscard]] Result<std::int64_t> parse_since(const std::string& text, std::int64_t now_us);

}  // namespace xylem::cli
