#include "relay/event/topic_pattern.h"
#include "tests/doubles/naive_topic.h"
#include "tests/fuzz/fuzzed.h"

// A pattern, a line feed, a key: the pattern matches if and only if the naive matcher says so.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text = xylem::testing::text_of(bytes, size);
  const std::size_t line = text.find('\n');
  if (line == std::string_view::npos || size > 100) return 0;  // the naive matcher is exponential
  const auto pattern = xylem::TopicPattern::parse(text.substr(0, line));
  if (!pattern) return 0;
  const std::string_view key = text.substr(line + 1);
  XYLEM_CHECK(pattern->matches(key) == xylem::testing::naive_match(pattern->text(), key),
              "a topic pattern matches what AMQP says");
  return 0;
}
