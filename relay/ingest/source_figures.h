#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "relay/event/refusal.h"
#include "relay/metrics/metric_table.h"

namespace xylem {

// What a source counts, in plain numbers on its own thread.
struct SourceFigures {
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;
  std::uint64_t accepted_events = 0;
  std::array<std::uint64_t, kRefusalCount> refused{};
  std::uint64_t refused_events = 0;  // as far as what was refused could be read

  void refuse(Refusal why, std::uint64_t events = 0) {
    ++refused[static_cast<std::size_t>(why)];
    refused_events += events;
  }
  void sample(std::string_view source, Samples& samples) const;
};

}  // namespace xylem
