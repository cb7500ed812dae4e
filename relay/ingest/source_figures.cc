#include "relay/ingest/source_figures.h"

#include <string>

namespace xylem {

void SourceFigures::sample(std::string_view source, Samples& samples) const {
  const std::string label(source);
  samples.push_back({Metric::source_messages, static_cast<double>(messages), {{"source", label}}});
  samples.push_back({Metric::source_bytes, static_cast<double>(bytes), {{"source", label}}});
  samples.push_back(
      {Metric::source_accepted, static_cast<double>(accepted_events), {{"source", label}}});
  samples.push_back(
      {Metric::source_refused_events, static_cast<double>(refused_events), {{"source", label}}});
  for (std::size_t i = 0; i < kRefusalCount; ++i) {
    samples.push_back(
        {Metric::source_refused,
         static_cast<double>(refused[i]),
         {{"source", label}, {"reason", std::string(name_of(static_cast<Refusal>(i)))}}});
  }
}

}  // namespace xylem
