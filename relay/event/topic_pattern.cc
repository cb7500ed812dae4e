#include "relay/event/topic_pattern.h"

#include <fmt/format.h>

#include <algorithm>
#include <bitset>

#include "relay/base/limits.h"
#include "relay/base/log.h"
#include "relay/event/routing_key.h"

namespace xylem {
Result<TopicPattern> TopicPattern::parse(std::string_view text) {
  const auto refuse = [&](std::string_view rule) {
    return fail(ErrorCode::bad_pattern,
                fmt::format("topic pattern '{}' {}", printable(text), rule));
  };
  if (text.empty()) return refuse("is empty; '#' matches everything");
  if (text.size() > kRoutingKeyBytesMax) {
    return refuse(fmt::format("is longer than {} bytes", kRoutingKeyBytesMax));
  }
  if (std::any_of(text.begin(), text.end(),
                  [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; })) {
    return refuse("contains a control character");
  }
  TopicPattern pattern;
  pattern.text_ = text;
  std::size_t hashes = 0;
  bool mixed = false;
  for_each_word(text, [&](std::string_view word) {
    const Kind kind = word == "#" ? Kind::any_words : word == "*" ? Kind::one_word : Kind::literal;
    hashes += kind == Kind::any_words;
    mixed |= kind == Kind::literal && word.find_first_of("*#") != std::string_view::npos;
    pattern.words_.push_back({kind, kind == Kind::literal ? std::string(word) : std::string()});
  });
  if (mixed) return refuse("has '*' or '#' inside a word; each stands alone between dots");
  if (pattern.words_.size() > kPatternWordsMax) {
    return refuse(fmt::format("has more than {} words", kPatternWordsMax));
  }
  if (hashes > kPatternHashesMax) {
    return refuse(fmt::format("has more than {} '#'", kPatternHashesMax));
  }
  return pattern;
}

// Runs the pattern as an automaton over the key's words: bit i of `at` says that the first i words
// of the pattern can have matched what was read so far. Linear where backtracking would not be.
bool TopicPattern::matches(std::string_view key) const noexcept {
  using States = std::bitset<kPatternWordsMax + 1>;
  const auto skip_hashes = [&](States& at) {
    for (std::size_t i = 0; i < words_.size(); ++i) {
      if (at[i] && words_[i].kind == Kind::any_words) at.set(i + 1);
    }
  };
  States at;
  at.set(0);
  skip_hashes(at);
  for_each_word(key, [&](std::string_view word) {
    States next;
    for (std::size_t i = 0; i < words_.size(); ++i) {
      if (!at[i]) continue;
      switch (words_[i].kind) {
        case Kind::any_words: next.set(i); break;
        case Kind::one_word: next.set(i + 1); break;
        case Kind::literal:
          if (words_[i].literal == word) next.set(i + 1);
          break;
      }
    }
    skip_hashes(next);
    at = next;
  });
  return at[words_.size()];
}

}  // namespace xylem
