#pragma once

#include <nlohmann/json.hpp>

#include "relay/cluster/state_reader.h"
#include "relay/http/pages.h"

namespace xylem {

// Rows of the state's reader as JSON. Times are seconds since 1970 with their fraction, and ISO
// 8601; whole numbers above 2^53 are texts, since many readers would round them.
using ApiJson = nlohmann::ordered_json;

[[nodiscard]] ApiJson whole_json(std::uint64_t value);
[[nodiscard]] ApiJson time_json(std::int64_t us);
// In a list a task has no events.
[[nodiscard]] ApiJson task_json(const cluster::TaskRow& row, bool with_events);
[[nodiscard]] ApiJson worker_json(const cluster::WorkerRow& row);
[[nodiscard]] ApiJson tally_json(const cluster::TallyRow& row);
[[nodiscard]] ApiJson failure_json(const cluster::FailureRow& row);
[[nodiscard]] ApiJson gaps_json(const std::vector<cluster::Blindness>& gaps);
[[nodiscard]] ApiJson status_json(const cluster::StateStatus& status);

[[nodiscard]] Page api_json_page(int status, const ApiJson& json);
// Errors: `code` for programs, `detail` for people.
[[nodiscard]] Page problem_page(int status, std::string_view code, std::string_view detail);

}  // namespace xylem
