#pragma once

#include <string>
#include <vector>

#include "relay/node/config.h"

namespace xylem {

// Variables of the environment that begin with XYLEM_, and what they could have meant.

// Those that are nearly the name of an option, and are none: mistakes in a configuration.
[[nodiscard]] std::vector<Problem> misspelt_options(const std::vector<std::string>& environment);
// The others that nothing of Xylem's reads. Those that Kubernetes makes for a service called xylem
// are left out.
[[nodiscard]] std::vector<Problem> unknown_variables(const std::vector<std::string>& environment);

}  // namespace xylem
