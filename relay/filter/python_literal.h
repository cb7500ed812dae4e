#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace xylem {

// What stands in Celery's `args` and `kwargs`: the repr of a tuple and of a dict, perhaps cut off
// (saferepr). Elements are found without evaluating anything; longer texts are not looked into.
inline constexpr std::size_t kLiteralBytesMax = 1024;

// The element's own text: `'x'` or `17` of `(17, 'x')`. Nothing if there is none.
[[nodiscard]] std::optional<std::string_view> python_element(std::string_view sequence,
                                                             std::size_t index);
// The value of a dict whose key is this text, or this number.
[[nodiscard]] std::optional<std::string_view> python_item(std::string_view dict,
                                                          std::string_view key);
// Without its quotes, if it is a string; escapes stay as they are.
[[nodiscard]] std::string_view without_quotes(std::string_view literal);

}  // namespace xylem
