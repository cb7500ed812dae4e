#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace xylem::top {

// What a terminal shows. `ascii`: everything else is shown as an escape.
enum class Letters : std::uint8_t { utf8, ascii };

// Those of the process's locale, which must have been set (setlocale).
[[nodiscard]] Letters letters_of_locale();

// Text of strangers, made such that a terminal only shows it: control characters, what turns the
// direction of writing, what is invisible, heaps of accents and bytes that are no UTF-8 become
// escapes (\n \x1b \u202e). Needs a locale of UTF-8 for `utf8`.
[[nodiscard]] std::string harmless(std::string_view text, Letters letters);

// Of what harmless() gave: how many columns it takes. A wide character takes two.
[[nodiscard]] std::size_t columns_of(std::string_view text);
// As much of it as fits, with a mark at its end if that is not all.
[[nodiscard]] std::string clipped(std::string_view text, std::size_t columns, Letters letters);
enum class Align : std::uint8_t { left, right };
// The same, and filled with spaces to exactly so many columns.
[[nodiscard]] std::string fitted(std::string_view text, std::size_t columns, Align align,
                                 Letters letters);
// How many bytes of `text` fit into so many columns; at least one character.
[[nodiscard]] std::size_t bytes_that_fit(std::string_view text, std::size_t columns);

}  // namespace xylem::top
