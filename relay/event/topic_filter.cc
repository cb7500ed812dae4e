#include "relay/event/topic_filter.h"

#include <fmt/format.h>

#include <algorithm>

#include "relay/base/limits.h"
#include "relay/base/log.h"
#include "relay/base/utf8.h"
#include "relay/event/routing_key.h"

namespace xylem {
namespace {

// Patterns joined by spaces must tell {"a b"} from {"a", "b"}: taps with one name share one result.
std::string joined(const std::vector<std::string>& texts) {
  std::string name;
  for (const std::string& text : texts) {
    if (!name.empty()) name += ' ';
    for (const char c : text) {
      if (c == ' ' || c == '\\') name += '\\';
      name += c;
    }
  }
  return name;
}

}  // namespace

Result<TopicFilter> TopicFilter::parse(const std::vector<std::string>& patterns) {
  if (patterns.size() > kPatternsPerSubscriberMax) {
    return fail(ErrorCode::bad_pattern,
                fmt::format("{} topic patterns are more than a subscriber may have ({})",
                            patterns.size(), kPatternsPerSubscriberMax));
  }
  std::vector<std::string> texts = patterns;
  if (texts.empty()) texts.emplace_back("#");
  std::sort(texts.begin(), texts.end());
  texts.erase(std::unique(texts.begin(), texts.end()), texts.end());

  TopicFilter filter;
  for (const std::string& text : texts) {
    XYLEM_TRY(const TopicPattern pattern, TopicPattern::parse(text));
    filter.everything_ |= text == "#";
    filter.pattern_words_ += pattern.words();
  }
  if (!filter.everything_) filter.automaton_ = TopicAutomaton(texts);
  // '#' beside others wants what '#' alone wants.
  filter.name_ = filter.everything_ ? "#" : joined(texts);
  return filter;
}

Result<void> check_can_match(const std::vector<std::string>& patterns) {
  for (const std::string& text : patterns) {
    const auto refuse = [&](std::string_view why) {
      return fail(ErrorCode::bad_pattern,
                  fmt::format("topic pattern '{}' can match nothing: {}", printable(text), why));
    };
    if (!is_utf8(text)) return refuse("routing keys are UTF-8");
    if (text.find('-') != std::string::npos) {
      return refuse(
          fmt::format("a routing key has '.' where an event's type has '-'; did you mean "
                      "'{}'?",
                      key_of_type(text)));
    }
  }
  return {};
}

}  // namespace xylem
