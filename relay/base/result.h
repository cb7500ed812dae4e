#pragma once

#include <tl/expected.hpp>
#include <utility>

#include "relay/base/error.h"

namespace xylem {

// A value, or the reason why there is none. std::expected's members, so C++23 is a change of one
// line.
template <class T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> fail(ErrorCode code, std::string message) {
  return tl::unexpected<Error>(Error{code, std::move(message)});
}

}  // namespace xylem

// Unwraps a Result into `declaration`, or returns its error from the enclosing function.
#define XYLEM_TRY(declaration, expression) XYLEM_TRY_NAMED(declaration, expression, __LINE__)
#define XYLEM_TRY_NAMED(declaration, expression, line) XYLEM_TRY_AT(declaration, expression, line)
#define XYLEM_TRY_AT(declaration, expression, line)                     \
  auto outcome_##line = (expression);                                   \
  if (!outcome_##line) return ::tl::unexpected(outcome_##line.error()); \
  declaration = std::move(*outcome_##line)
