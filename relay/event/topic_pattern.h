#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "relay/base/result.h"

namespace xylem {

// One AMQP topic binding: words between dots, where `*` stands for exactly one word and `#` for
// zero or more (AMQP 0-9-1 §3.1.3.3). At most kPatternWordsMax words and kPatternHashesMax `#`,
// because matching cost grows with both. Immutable; any thread.
class TopicPattern {
 public:
  // Errors: bad_pattern, naming the pattern and the rule.
  static Result<TopicPattern> parse(std::string_view text);

  // Cost: the words of the pattern times the words of the key, no allocation.
  [[nodiscard]] bool matches(std::string_view key) const noexcept;

  [[nodiscard]] const std::string& text() const noexcept { return text_; }
  [[nodiscard]] std::size_t words() const noexcept { return words_.size(); }

 private:
  enum class Kind : unsigned char { literal, one_word, any_words };
  struct Word {
    Kind kind;
    std::string literal;
  };

  std::string text_;
  std::vector<Word> words_;
};

}  // namespace xylem
