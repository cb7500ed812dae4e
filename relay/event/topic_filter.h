#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "relay/base/result.h"
#include "relay/event/topic_pattern.h"

namespace xylem {

// What a tap wants: the events whose key matches any of its patterns. Immutable; any thread.
// Two filters with the same name() want the same events, in whatever order they were written, so
// that taps can share one result.
class TopicFilter {
 public:
  // No patterns at all means everything. Errors: bad_pattern; more than kPatternsPerSubscriberMax.
  static Result<TopicFilter> parse(const std::vector<std::string>& patterns);

  [[nodiscard]] bool matches(std::string_view key) const noexcept;
  [[nodiscard]] bool matches_everything() const noexcept { return everything_; }
  // The patterns, sorted, without repeats, joined by spaces; a backslash stands before a space or a
  // backslash that is part of one.
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] const std::vector<TopicPattern>& patterns() const noexcept { return patterns_; }

 private:
  std::vector<TopicPattern> patterns_;
  std::string name_;
  bool everything_ = false;
};

// Each of these patterns can match the key of some event. A relay takes the others as well; people
// are told. Errors: bad_pattern, with the pattern that was meant.
[[nodiscard]] Result<void> check_can_match(const std::vector<std::string>& patterns);

}  // namespace xylem
