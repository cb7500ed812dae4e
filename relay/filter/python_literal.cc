#include "relay/filter/python_literal.h"

namespace xylem {
namespace {

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

// Behind the quote that ends what begins at `at`, or the end.
std::size_t behind_string(std::string_view text, std::size_t at) {
  const char quote = text[at];
  for (++at; at < text.size() && text[at] != quote; ++at) {
    if (text[at] == '\\') ++at;
  }
  return at + 1;
}

// Where one of `ends` stands outside of strings and brackets, or the end.
std::size_t find_outside(std::string_view text, std::string_view ends) {
  std::size_t depth = 0;
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (depth == 0 && ends.find(c) != std::string_view::npos) return at;
    if (c == '\'' || c == '"') {
      at = behind_string(text, at);
      continue;
    }
    depth += c == '(' || c == '[' || c == '{';
    if (c == ')' || c == ']' || c == '}') {
      if (depth == 0) return at;
      --depth;
    }
    ++at;
  }
  return text.size();
}

// Takes the next element off, up to its comma; nothing when there are no more.
std::optional<std::string_view> take_element(std::string_view& rest) {
  if (trimmed(rest).empty()) return std::nullopt;
  const std::size_t end = find_outside(rest, ",");
  const std::string_view element = trimmed(rest.substr(0, end));
  const bool more = end < rest.size() && rest[end] == ',';
  rest = more ? rest.substr(end + 1) : std::string_view();
  if (element.empty()) return std::nullopt;
  return element;
}

// What is between the brackets, if it begins with one of these.
std::optional<std::string_view> inside(std::string_view literal, std::string_view brackets) {
  literal = trimmed(literal);
  if (literal.empty() || literal.size() > kLiteralBytesMax) return std::nullopt;
  if (brackets.find(literal.front()) == std::string_view::npos) return std::nullopt;
  return literal.substr(1);
}

}  // namespace

std::optional<std::string_view> python_element(std::string_view sequence, std::size_t index) {
  auto rest = inside(sequence, "([");
  if (!rest) return std::nullopt;
  for (;; --index) {
    const auto element = take_element(*rest);
    if (!element || index == 0) return element;
  }
}

std::optional<std::string_view> python_item(std::string_view dict, std::string_view key) {
  auto rest = inside(dict, "{");
  if (!rest) return std::nullopt;
  while (const auto item = take_element(*rest)) {
    const std::size_t colon = find_outside(*item, ":");
    if (colon == item->size()) continue;
    if (without_quotes(trimmed(item->substr(0, colon))) == key) {
      return trimmed(item->substr(colon + 1));
    }
  }
  return std::nullopt;
}

std::string_view without_quotes(std::string_view literal) {
  const bool is_string = literal.size() >= 2 && literal.front() == literal.back() &&
                         (literal.front() == '\'' || literal.front() == '"');
  return is_string ? literal.substr(1, literal.size() - 2) : literal;
}

}  // namespace xylem
