#pragma once

#include <cstdint>
#include <string_view>

namespace xylem {

// Scalars of JSON text (RFC 8259 §6, §7) as they stand, never converted: Python sends integers of
// any size. All of these REQUIRE Slab::kSlack readable bytes behind the text.

// The closing quote of the string whose inside begins at `inside`; nullptr if there is none before
// `end`, or if the inside has a control character, a wrong escape or bytes that are not UTF-8.
[[nodiscard]] const char* end_of_json_string(const char* inside, const char* end) noexcept;

// True if `inside` may stand between quotes.
[[nodiscard]] bool is_json_string_inside(std::string_view inside) noexcept;

// Just behind the number, true, false or null at `begin`; nullptr if there is none.
[[nodiscard]] const char* end_of_json_scalar(const char* begin, const char* end) noexcept;

// Celery's float seconds to microseconds; 0 for what is not a number or not a time.
[[nodiscard]] std::int64_t microseconds_of(std::string_view number) noexcept;

}  // namespace xylem
