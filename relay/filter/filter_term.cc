#include "relay/filter/filter_term.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "relay/codec/event_view.h"
#include "relay/codec/iso_time.h"
#include "relay/filter/python_literal.h"

namespace xylem {
namespace {

constexpr FilterKey kWordKeys[] = {FilterKey::name, FilterKey::uuid, FilterKey::args,
                                   FilterKey::kwargs, FilterKey::exception};

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool contains_caseless(std::string_view text, std::string_view lowered) {
  return std::search(text.begin(), text.end(), lowered.begin(), lowered.end(),
                     [](char a, char b) { return lower(a) == b; }) != text.end();
}

// `*` any text, `?` one byte. The last star is the only one to come back to: no text takes longer
// than its length times the glob's.
bool matches_glob(std::string_view glob, std::string_view text) {
  std::size_t at = 0;
  std::size_t in = 0;
  std::size_t star = std::string_view::npos;
  std::size_t behind_star = 0;
  while (at < text.size()) {
    if (in < glob.size() && glob[in] == '*') {
      star = in++;
      behind_star = at;
    } else if (in < glob.size() && (glob[in] == '?' || glob[in] == text[at])) {
      ++in;
      ++at;
    } else if (star != std::string_view::npos) {
      in = star + 1;
      at = ++behind_star;
    } else {
      return false;
    }
  }
  while (in < glob.size() && glob[in] == '*') ++in;
  return in == glob.size();
}

std::optional<double> plain_number(std::string_view text) {
  double value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// `250ms`, `2s`, `1.5h`, `3d`, or plain seconds.
std::optional<double> seconds_of(std::string_view text) {
  constexpr std::pair<std::string_view, double> kUnits[] = {
      {"ms", 0.001}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86'400}};
  for (const auto& [unit, seconds] : kUnits) {
    if (!text.ends_with(unit)) continue;
    const auto value = plain_number(text.substr(0, text.size() - unit.size()));
    return value ? std::optional(*value * seconds) : std::nullopt;
  }
  return plain_number(text);
}

std::optional<FilterBound> bound_of(FilterValueType type, std::string_view text, bool inclusive) {
  if (type == FilterValueType::number) {
    const auto value = plain_number(text);
    return value ? std::optional(FilterBound{*value, false, inclusive}) : std::nullopt;
  }
  if (type == FilterValueType::time) {
    if (const auto us = microseconds_of_iso(text)) {
      return FilterBound{static_cast<double>(*us) / 1e6, false, inclusive};
    }
    if (const auto day = microseconds_of_iso(std::string(text) + "T00:00")) {
      return FilterBound{static_cast<double>(*day) / 1e6, false, inclusive};
    }
    // So long ago; a plain number is a moment.
    if (const auto value = plain_number(text); value && *value >= 0) {
      return FilterBound{*value, false, inclusive};
    }
  }
  const auto value = seconds_of(text);
  if (!value) return std::nullopt;
  return FilterBound{*value, type == FilterValueType::time, inclusive};
}

std::string quoted_text(std::string_view text) { return fmt::format("\"{}\"", text); }

}  // namespace

FilterTerm FilterTerm::word(std::string_view text) {
  FilterTerm term;
  term.value_.resize(text.size());
  std::transform(text.begin(), text.end(), term.value_.begin(), lower);
  term.text_ = quoted_text(text);
  return term;
}

Result<FilterTerm> FilterTerm::of(std::string_view key, std::string_view value, bool quoted) {
  FilterTerm term;
  const std::size_t dot = key.find('.');
  const std::string_view name = key.substr(0, dot);
  const bool has_argument = dot != std::string_view::npos;
  const auto known = filter_key(name);
  const bool takes_argument = known == FilterKey::args || known == FilterKey::kwargs;
  if (!known || (has_argument && !takes_argument)) {
    return fail(ErrorCode::usage, fmt::format("no key '{}'; the nearest is '{}'", key,
                                              nearest_filter_key(known ? name : key)));
  }
  term.key_ = *known;
  term.text_ = fmt::format("{}:{}", key, quoted ? quoted_text(value) : std::string(value));
  FilterValueType type = type_of(*known);
  if (has_argument) {
    term.argument_ = key.substr(dot + 1);
    std::size_t index = 0;
    const char* const end = term.argument_.data() + term.argument_.size();
    const bool is_index = std::from_chars(term.argument_.data(), end, index).ptr == end;
    if (term.argument_.empty() || (*known == FilterKey::args && !is_index)) {
      return fail(ErrorCode::usage,
                  fmt::format("'{}' is neither args.NUMBER nor kwargs.NAME", key));
    }
    // Of a range the argument has to be a number.
    if (!quoted && value.find_first_of("<>") == 0) type = FilterValueType::number;
  }
  if (auto read = term.read_value(type, value, quoted); !read) return tl::unexpected(read.error());
  if (has_argument) {
    term.value_way_ = term.way_;
    term.way_ = Way::argument;
  }
  return term;
}

Result<void> FilterTerm::read_value(FilterValueType type, std::string_view value, bool quoted) {
  value_ = value;
  switch (type) {
    case FilterValueType::text:
      way_ =
          !quoted && value.find_first_of("*?") != std::string_view::npos ? Way::glob : Way::whole;
      return {};
    case FilterValueType::pattern: {
      XYLEM_TRY(pattern_, TopicPattern::parse(value));
      way_ = Way::pattern;
      return {};
    }
    case FilterValueType::field: {
      const auto wanted = filter_key(value);
      if (!wanted || *wanted == FilterKey::has) {
        return fail(ErrorCode::usage, fmt::format("no key '{}' to have; the nearest is '{}'", value,
                                                  nearest_filter_key(value)));
      }
      key_ = *wanted;
      way_ = Way::has;
      return {};
    }
    default: way_ = Way::range; return read_range(type, value);
  }
}

// `>2s`, `>=2s`, `<2s`, `<=2s`, `1s..2s`, `1s..`, `..2s`, or one value.
Result<void> FilterTerm::read_range(FilterValueType type, std::string_view value) {
  const auto wrong = [&](std::string_view part) {
    return fail(ErrorCode::usage, fmt::format("'{}' in '{}' is no {}", part, text_, name_of(type)));
  };
  const auto read = [&](std::optional<FilterBound>& into, std::string_view part, bool inclusive) {
    into = bound_of(type, part, inclusive);
    return into.has_value();
  };
  if (value.starts_with('>') || value.starts_with('<')) {
    auto& bound = value.front() == '>' ? least_ : most_;
    const bool inclusive = value.size() > 1 && value[1] == '=';
    const std::string_view part = value.substr(inclusive ? 2 : 1);
    if (!read(bound, part, inclusive)) return wrong(part);
    return {};
  }
  const std::size_t dots = value.find("..");
  const std::string_view first = value.substr(0, dots);
  const std::string_view last = dots == std::string_view::npos ? first : value.substr(dots + 2);
  if (first.empty() && last.empty()) return wrong(value);
  if (!first.empty() && !read(least_, first, true)) return wrong(first);
  if (!last.empty() && !read(most_, last, true)) return wrong(last);
  return {};
}

bool FilterTerm::matches_text(std::string_view text) const {
  return way_ == Way::glob || value_way_ == Way::glob ? matches_glob(value_, text) : text == value_;
}

bool FilterTerm::matches_number(double value, std::int64_t now_us) const {
  const auto bound = [&](const FilterBound& b) {
    return b.value + (b.from_now ? static_cast<double>(now_us) / 1e6 : 0);
  };
  if (least_ && !(least_->inclusive ? value >= bound(*least_) : value > bound(*least_))) {
    return false;
  }
  return !most_ || (most_->inclusive ? value <= bound(*most_) : value < bound(*most_));
}

bool FilterTerm::matches_argument(std::string_view json, std::int64_t now_us) const {
  std::string scratch;
  const std::string_view literal = json_text(json, scratch);
  if (literal.size() > kLiteralBytesMax) return literal.find(value_) != std::string_view::npos;
  std::size_t index = 0;
  std::from_chars(argument_.data(), argument_.data() + argument_.size(), index);
  const auto found =
      key_ == FilterKey::args ? python_element(literal, index) : python_item(literal, argument_);
  if (!found) return false;
  if (value_way_ != Way::range) return matches_text(without_quotes(*found));
  const auto number = plain_number(*found);
  return number && matches_number(*number, now_us);
}

bool FilterTerm::matches(const FilterSubject& subject, std::int64_t now_us) const {
  std::string scratch;
  if (way_ == Way::word) {
    return std::any_of(std::begin(kWordKeys), std::end(kWordKeys), [&](FilterKey key) {
      return contains_caseless(json_text(subject.json(key), scratch), value_);
    });
  }
  const std::string_view json = subject.json(key_);
  if (json.empty() || json == "null") return false;
  const std::string_view text = is_json_text(json) ? json_text(json, scratch) : json;
  switch (way_) {
    case Way::has: return true;
    case Way::argument: return matches_argument(json, now_us);
    case Way::pattern: return pattern_->matches(text);
    case Way::range: {
      auto value = json_number(json);
      if (!value && type_of(key_) == FilterValueType::time) {
        if (const auto us = microseconds_of_iso(text)) value = static_cast<double>(*us) / 1e6;
      }
      return value && matches_number(*value, now_us);
    }
    default: return matches_text(text);
  }
}

}  // namespace xylem
