#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace xylem {

// Microseconds of Celery's ISO 8601 text, such as `2026-11-28T08:00:00.25+00:00`; without a zone it
// is UTC. Nothing for what is not one.
[[nodiscard]] std::optional<std::int64_t> microseconds_of_iso(std::string_view text);

}  // namespace xylem
