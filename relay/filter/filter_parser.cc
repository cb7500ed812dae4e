#include "relay/filter/filter_parser.h"

#include <fmt/format.h>

namespace xylem {
namespace {

using Node = Filter::Node;

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

Node node_of(Node::Kind kind, Node part) {
  Node node;
  node.kind = kind;
  node.parts.push_back(std::move(part));
  return node;
}

}  // namespace

tl::unexpected<Error> FilterParser::wrong(std::string_view why) const {
  return fail(ErrorCode::usage, fmt::format("filter, at character {}: {}", at_ + 1, why));
}

void FilterParser::skip_space() {
  while (!at_end() && is_space(text_[at_])) ++at_;
}

bool FilterParser::at_word(std::string_view word) const {
  const std::string_view rest = text_.substr(at_);
  if (!rest.starts_with(word)) return false;
  return rest.size() == word.size() || is_space(rest[word.size()]) || rest[word.size()] == '(';
}

Result<Node> FilterParser::parse() {
  if (text_.size() > Filter::kBytesMax) {
    return fail(ErrorCode::usage, fmt::format("a filter has at most {} characters, not {}",
                                              Filter::kBytesMax, text_.size()));
  }
  skip_space();
  if (at_end()) return Node{};
  XYLEM_TRY(Node root, any_of(0));
  if (!at_end()) return wrong("there is no '(' for this ')'");
  return root;
}

Result<Node> FilterParser::any_of(std::size_t depth) {
  XYLEM_TRY(Node first, all_of(depth));
  skip_space();
  if (!at_word("OR")) return first;
  Node any = node_of(Node::Kind::any_of, std::move(first));
  while (at_word("OR")) {
    at_ += 2;
    XYLEM_TRY(Node next, all_of(depth));
    any.parts.push_back(std::move(next));
    skip_space();
  }
  return any;
}

Result<Node> FilterParser::all_of(std::size_t depth) {
  Node all;
  for (;;) {
    skip_space();
    if (at_word("AND")) at_ += 3;
    skip_space();
    if (at_end() || text_[at_] == ')' || at_word("OR")) break;
    XYLEM_TRY(Node next, one(depth));
    all.parts.push_back(std::move(next));
  }
  if (all.parts.empty()) return wrong("something to look for is missing here");
  if (all.parts.size() > 1) return all;
  Node only = std::move(all.parts.front());
  return only;
}

Result<Node> FilterParser::one(std::size_t depth) {
  if (depth == Filter::kDepthMax) {
    return wrong(fmt::format("brackets and signs are at most {} deep", Filter::kDepthMax));
  }
  if (text_[at_] == '-') {
    ++at_;
    if (at_end() || is_space(text_[at_]) || text_[at_] == ')') {
      return wrong("'-' stands before what is not wanted");
    }
    XYLEM_TRY(Node part, one(depth + 1));
    return node_of(Node::Kind::none_of, std::move(part));
  }
  if (text_[at_] != '(') return term();
  ++at_;
  XYLEM_TRY(Node inside, any_of(depth + 1));
  if (at_end()) return wrong("a ')' is missing");
  ++at_;
  return inside;
}

Result<std::string> FilterParser::quoted() {
  std::string text;
  for (++at_; !at_end(); ++at_) {
    if (text_[at_] == '"') {
      ++at_;
      return text;
    }
    const bool is_escape = text_[at_] == '\\' && at_ + 1 < text_.size() &&
                           (text_[at_ + 1] == '"' || text_[at_ + 1] == '\\');
    at_ += is_escape;
    text += text_[at_];
  }
  return wrong("a '\"' is missing");
}

std::string_view FilterParser::bare() {
  const std::size_t first = at_;
  while (!at_end() && !is_space(text_[at_]) && text_[at_] != '(' && text_[at_] != ')') ++at_;
  return text_.substr(first, at_ - first);
}

Result<Node> FilterParser::term() {
  if (++terms_ > Filter::kTermsMax) {
    return wrong(fmt::format("a filter has at most {} terms", Filter::kTermsMax));
  }
  Node node;
  node.kind = Node::Kind::term;
  if (text_[at_] == '"') {
    XYLEM_TRY(const std::string words, quoted());
    node.term = FilterTerm::word(words);
    return node;
  }
  const std::size_t begin = at_;
  const std::string_view word = bare();
  const std::size_t colon = word.find(':');
  if (const std::size_t regex = word.find("~/"); regex < colon) {
    at_ = begin;
    return wrong("regular expressions are not taken; '*' and '?' are");
  }
  if (colon == std::string_view::npos) {
    node.term = FilterTerm::word(word);
    return node;
  }
  const std::string_view key = word.substr(0, colon);
  std::string value(word.substr(colon + 1));
  const bool is_quoted = value.starts_with('"');
  if (is_quoted) {
    at_ = begin + colon + 1;
    XYLEM_TRY(value, quoted());
  }
  auto term = FilterTerm::of(key, value, is_quoted);
  const bool is_empty = value.empty() && !is_quoted;
  if (!term || is_empty) {
    at_ = begin;
    return wrong(term ? fmt::format("'{}:' has no value", key) : term.error().message);
  }
  node.term = std::move(*term);
  return node;
}

}  // namespace xylem
