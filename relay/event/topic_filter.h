#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "relay/base/result.h"
#include "relay/event/topic_automaton.h"
#include "relay/event/topic_pattern.h"

namespace xylem {

// What a tap wants: the events whose key matches any of its patterns. Immutable; any thread.
// Two filters with the same name() want the same events, in whatever order they were written, so
// that taps can share one result.
class TopicFilter {
 public:
  // No patterns at all means everything. Errors: bad_pattern; more than kPatternsPerSubscriberMax.
  static Result<TopicFilter> parse(const std::vector<std::string>& patterns);

  [[nodiscard]] bool matches(std::string_view key) const noexcept {
    return everything_ || automaton_.matches(key);
  }
  // The same of a key that is in its words already.
  [[nodiscard]] bool matches(std::span<const std::string_view> words) const noexcept {
    return everything_ || automaton_.matches(words);
  }
  [[nodiscard]] bool matches_everything() const noexcept { return everything_; }
  // The patterns, sorted, without repeats, joined by spaces; a backslash stands before a space or a
  // backslash that is part of one.
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  // What a word of a key costs, in lanes (topic_automaton.h).
  [[nodiscard]] std::size_t lanes() const noexcept { return automaton_.lanes(); }
  // Of all its patterns together: what it costs, in memory and per key.
  [[nodiscard]] std::size_t pattern_words() const noexcept { return pattern_words_; }

 private:
  TopicAutomaton automaton_;
  std::string name_;
  std::size_t pattern_words_ = 0;
  bool everything_ = false;
};

// Each of these patterns can match the key of some event. A relay takes the others as well; people
// are told. Errors: bad_pattern, with the pattern that was meant.
[[nodiscard]] Result<void> check_can_match(const std::vector<std::string>& patterns);

}  // namespace xylem
