#pragma once

#include <span>
#include <string_view>
#include <vector>

namespace xylem::testing {

inline std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  for (;;) {
    const std::size_t dot = text.find('.');
    words.push_back(text.substr(0, dot));
    if (dot == std::string_view::npos) return words;
    text.remove_prefix(dot + 1);
  }
}

// AMQP 0-9-1 §3.1.3.3 as one would say it, without a thought for cost: what TopicPattern must
// equal.
inline bool naive_match(std::span<const std::string_view> pattern,
                        std::span<const std::string_view> key) {
  if (pattern.empty()) return key.empty();
  const auto rest = pattern.subspan(1);
  if (pattern.front() == "#") {
    return naive_match(rest, key) || (!key.empty() && naive_match(pattern, key.subspan(1)));
  }
  if (key.empty()) return false;
  return (pattern.front() == "*" || pattern.front() == key.front()) &&
         naive_match(rest, key.subspan(1));
}

inline bool naive_match(std::string_view pattern, std::string_view key) {
  return naive_match(std::span<const std::string_view>(words_of(pattern)),
                     std::span<const std::string_view>(words_of(key)));
}

}  // namespace xylem::testing
