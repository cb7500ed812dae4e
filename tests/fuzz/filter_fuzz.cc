#include "relay/filter/filter.h"

#include <string>

#include "relay/event/batch.h"
#include "relay/filter/event_subject.h"
#include "tests/fuzz/fuzzed.h"

// A filter, a line feed, an event: whatever they are, the filter is taken or refused in words, its
// verdict is the same twice, and not is not.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text = xylem::testing::text_of(bytes, size);
  const std::size_t line = text.find('\n');
  const std::string_view filter_text = text.substr(0, line);
  const auto filter = xylem::Filter::parse(filter_text);
  if (!filter) {
    XYLEM_CHECK(!filter.error().message.empty(), "a refusal has a reason");
    return 0;
  }
  if (line == std::string_view::npos) return 0;
  std::string event(text.substr(line + 1));
  const std::size_t event_bytes = event.size();
  event.resize(event_bytes + xylem::Slab::kSlack);
  xylem::EventView fields;
  static_cast<void>(fields.open(std::string_view(event).substr(0, event_bytes)));
  const xylem::EventSubject subject(fields);
  const bool matches = filter->matches(subject, 1'795'852'800'000'000);
  const auto opposite = xylem::Filter::parse("-(" + std::string(filter_text) + ")");
  if (opposite && !filter->matches_all()) {
    XYLEM_CHECK(opposite->matches(subject, 1'795'852'800'000'000) != matches,
                "what a filter does not take its opposite does");
  }
  return 0;
}
