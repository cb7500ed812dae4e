#include "relay/filter/filter.h"

#include <fmt/format.h>

#include <algorithm>

#include "relay/filter/filter_parser.h"

namespace xylem {
namespace {

using Node = Filter::Node;

bool matches(const Node& node, const FilterSubject& subject, std::int64_t now_us) {
  const auto each = [&](const Node& part) { return matches(part, subject, now_us); };
  switch (node.kind) {
    case Node::Kind::all_of: return std::all_of(node.parts.begin(), node.parts.end(), each);
    case Node::Kind::any_of: return std::any_of(node.parts.begin(), node.parts.end(), each);
    case Node::Kind::none_of: return std::none_of(node.parts.begin(), node.parts.end(), each);
    case Node::Kind::term: return node.term.matches(subject, now_us);
  }
  return false;
}

void explain(const Node& node, const FilterSubject& subject, std::int64_t now_us, std::size_t depth,
             std::string& into) {
  constexpr std::string_view kNames[] = {"all of", "any of", "not", ""};
  const std::string_view name = node.kind == Node::Kind::term
                                    ? std::string_view(node.term.text())
                                    : kNames[static_cast<std::size_t>(node.kind)];
  into += fmt::format("{:{}}{:3}  {}\n", "", depth * 2,
                      matches(node, subject, now_us) ? "yes" : "no", name);
  for (const Node& part : node.parts) explain(part, subject, now_us, depth + 1, into);
}

}  // namespace

Result<Filter> Filter::parse(std::string_view text) {
  XYLEM_TRY(Node root, FilterParser(text).parse());
  // One term alone is all of one.
  if (root.kind != Node::Kind::all_of) {
    Node all;
    all.parts.push_back(std::move(root));
    return Filter(std::move(all));
  }
  return Filter(std::move(root));
}

bool Filter::matches(const FilterSubject& subject, std::int64_t now_us) const {
  return xylem::matches(root_, subject, now_us);
}

std::string Filter::explain(const FilterSubject& subject, std::int64_t now_us) const {
  std::string text;
  xylem::explain(root_, subject, now_us, 0, text);
  return text;
}

}  // namespace xylem
