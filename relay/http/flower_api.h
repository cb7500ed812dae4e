#pragma once

#include <string_view>

#include "relay/http/pages.h"

namespace xylem {

// True for `/api/tasks`, `/api/workers` and what is below `/api/task/`.
[[nodiscard]] bool is_flower_path(std::string_view path);

// What Flower's API answers to those who read tasks and workers (flower/api), in its shape, for
// scripts that know it; docs/cluster.md says what differs. Errors have Flower's status, and are
// application/problem+json as everywhere else. Cost: as that of /api/v1/tasks.
[[nodiscard]] Page flower_page(const RelayView& view, std::string_view target);

}  // namespace xylem
