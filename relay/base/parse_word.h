#pragma once

#include <fmt/format.h>

#include <array>
#include <string>
#include <string_view>

#include "relay/base/result.h"

namespace xylem {

// The one of `all` whose name_of() this is. Errors: bad_configuration, listing the words.
template <class Enum, std::size_t N>
[[nodiscard]] Result<Enum> parse_word(std::string_view name, const std::array<Enum, N>& all) {
  std::string known;
  for (const Enum value : all) {
    if (name == name_of(value)) return value;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", name_of(value));
  }
  return fail(ErrorCode::bad_configuration, fmt::format("'{}' is not one of {}", name, known));
}

}  // namespace xylem
