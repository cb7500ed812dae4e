#pragma once

#include <cstdlib>

#include "relay/transport/context.h"

namespace xylem::testing {

// Whose sockets the tests use: as XYLEM_TEST_ENGINE says, else the default.
[[nodiscard]] inline Context::Engine tested_engine() {
  const char* name = std::getenv("XYLEM_TEST_ENGINE");
  return name == nullptr ? Context::kDefaultEngine : parse_engine(name).value();
}

}  // namespace xylem::testing
