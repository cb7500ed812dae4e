#pragma once

#include <string>
#include <string_view>

#include "relay/filter/filter.h"

namespace xylem {

// Reads a filter from left to right; one use.
class FilterParser {
 public:
  explicit FilterParser(std::string_view text) : text_(text) {}
  [[nodiscard]] Result<Filter::Node> parse();

 private:
  [[nodiscard]] Result<Filter::Node> any_of(std::size_t depth);
  [[nodiscard]] Result<Filter::Node> all_of(std::size_t depth);
  [[nodiscard]] Result<Filter::Node> one(std::size_t depth);
  [[nodiscard]] Result<Filter::Node> term();
  // Up to its closing quote, which is taken as well; \" and \\ stand for themselves.
  [[nodiscard]] Result<std::string> quoted();
  [[nodiscard]] std::string_view bare();
  void skip_space();
  [[nodiscard]] bool at_end() const { return at_ == text_.size(); }
  [[nodiscard]] bool at_word(std::string_view word) const;
  [[nodiscard]] tl::unexpected<Error> wrong(std::string_view why) const;

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t terms_ = 0;
};

}  // namespace xylem
