#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "relay/http/pages.h"

namespace xylem {

inline constexpr std::string_view kApiPrefix = "/api/v1/";

// The JSON API (docs/api.md): what is below kApiPrefix. `target` as it came, with its query. What
// is wrong with a request is told as application/problem+json (RFC 7807) with a code of its own.
// Cost: /tasks looks at kSearchMax tasks at most; the others at what they answer.
[[nodiscard]] Page api_page(const RelayView& view, std::string_view target);

// The paths, a line each, for people.
[[nodiscard]] std::string api_paths();
// An answered example of every path that has one, for tests.
[[nodiscard]] std::vector<std::string> api_examples();

// `%41` as `A` and, in a query, `+` as a space. What is no escape stays as it is.
[[nodiscard]] std::string percent_decoded(std::string_view text, bool in_query);
// What is behind the `?` of a target, decoded; of what comes twice the last.
[[nodiscard]] std::map<std::string, std::string> query_of_target(std::string_view target);

}  // namespace xylem
