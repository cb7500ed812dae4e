#include "relay/cluster/metric_family.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "relay/base/check.h"
#include "relay/base/utf8.h"

namespace xylem::cluster {
namespace {

// A value that Prometheus takes: not too long, and UTF-8, for the sake of all the others.
std::string_view sound(std::string_view value) {
  if (!is_utf8(value)) return "(not UTF-8)";
  if (value.size() <= LabelSets::kValueBytesMax) return value;
  std::size_t end = LabelSets::kValueBytesMax;
  while ((static_cast<unsigned char>(value[end]) & 0xC0) == 0x80) --end;
  return value.substr(0, end);
}

void append_escaped(std::string& text, std::string_view value) {
  for (const char c : value) {
    if (c == '\n') {
      text += "\\n";
      continue;
    }
    if (c == '\\' || c == '"') text += '\\';
    text += c;
  }
}

void append_number(std::string& text, double value) {
  if (std::isfinite(value)) {
    fmt::format_to(std::back_inserter(text), "{}", value);
  } else {
    text += std::isnan(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
  }
}

// As Python's client writes a bound: 1.0, not 1.
void append_bound(std::string& text, double bound) {
  append_number(text, bound);
  if (std::isfinite(bound) && bound == std::trunc(bound)) text += ".0";
}

}  // namespace

LabelSets::LabelSets(std::span<const std::string_view> names, std::size_t sets_max,
                     std::uint64_t seed)
    : names_(names), sets_max_(sets_max), numbers_(16, Seeded{seed}), values_(1), texts_(1) {
  values_[kOther].assign(names.size(), std::string(Names::kOther));
  for (const std::string_view name : names) {
    texts_[kOther] +=
        fmt::format("{}{}=\"{}\"", texts_[kOther].empty() ? "" : ",", name, Names::kOther);
  }
}

// One text for all, from which each can be told.
template <class Values>
void LabelSets::make_key(const Values& values) {
  key_.clear();
  for (const std::string_view value : values) {
    const std::string_view part = sound(value);
    key_ += static_cast<char>(part.size() & 0xFF);
    key_ += static_cast<char>(part.size() >> 8);
    key_ += part;
  }
}

LabelSets::Number LabelSets::of(std::initializer_list<std::string_view> values) {
  XYLEM_CHECK(values.size() == names_.size(), "a value for each label");
  make_key(values);
  const auto known = numbers_.find(key_);
  if (known != numbers_.end()) return known->second;
  if (numbers_.size() >= sets_max_) return kOther;
  Number set = end();
  if (free_.empty()) {
    values_.emplace_back();
    texts_.emplace_back();
  } else {
    set = free_.back();
    free_.pop_back();
  }
  put(set, values);
  numbers_.emplace(key_, set);
  return set;
}

void LabelSets::put(Number set, std::initializer_list<std::string_view> values) {
  std::string& text = texts_[set];
  for (std::size_t i = 0; i < names_.size(); ++i) {
    const std::string_view value = sound(values.begin()[i]);
    values_[set].emplace_back(value);
    if (i != 0) text += ',';
    text += names_[i];
    text += "=\"";
    append_escaped(text, value);
    text += '"';
  }
}

bool LabelSets::is(Number set, std::size_t label, std::string_view value) const {
  return !values_[set].empty() && values_[set][label] == value;
}

void LabelSets::remove(Number set) {
  XYLEM_CHECK(set != kOther, "the rest has no end");
  if (values_[set].empty()) return;
  make_key(values_[set]);
  numbers_.erase(key_);
  values_[set].clear();
  texts_[set].clear();
  free_.push_back(set);
}

MetricFamily::MetricFamily(const About& about, const LabelSets& sets, SeriesBudget& budget)
    : about_(about), sets_(sets), budget_(budget) {}

bool MetricFamily::make_place(LabelSets::Number set) {
  while (values_.size() <= set) values_.emplace_back();
  if (!values_[set].empty()) return true;
  if (set != LabelSets::kOther && !budget_.take(series())) return false;
  values_[set].assign(width(), 0);
  return true;
}

double* MetricFamily::values_of(LabelSets::Number set) {
  if (!make_place(set)) set = LabelSets::kOther;
  if (set == LabelSets::kOther) {
    ++budget_.folded;
    static_cast<void>(make_place(set));
  }
  return values_[set].data();
}

void MetricFamily::add(LabelSets::Number set, double more) { *values_of(set) += more; }

void MetricFamily::set(LabelSets::Number set, double value) { *values_of(set) = value; }

void MetricFamily::observe(LabelSets::Number set, double value) {
  double* const values = values_of(set);
  const auto bucket = std::lower_bound(about_.bounds.begin(), about_.bounds.end(), value);
  ++values[bucket - about_.bounds.begin()];
  values[width() - 1] += value;
}

void MetricFamily::show(LabelSets::Number set) {
  if (set != LabelSets::kOther) static_cast<void>(make_place(set));
}

void MetricFamily::remove(LabelSets::Number set) {
  if (set >= values_.size() || values_[set].empty()) return;
  budget_.series -= series();
  values_[set] = {};
}

void MetricFamily::append_head(std::string& text) const {
  constexpr std::string_view kTypes[] = {"counter", "gauge", "histogram"};
  fmt::format_to(std::back_inserter(text), "# HELP {} {}\n# TYPE {} {}\n", about_.name, about_.help,
                 about_.name, kTypes[static_cast<std::size_t>(about_.type)]);
}

void MetricFamily::append_series(std::string& text, LabelSets::Number first,
                                 LabelSets::Number last) const {
  last = std::min(last, static_cast<LabelSets::Number>(values_.size()));
  for (LabelSets::Number set = first; set < last; ++set) {
    if (values_[set].empty()) continue;
    if (about_.type == Type::histogram) {
      append_histogram(text, set);
      continue;
    }
    fmt::format_to(std::back_inserter(text), "{}{{{}}} ", about_.name, sets_.text(set));
    append_number(text, values_[set].front());
    text += '\n';
  }
}

void MetricFamily::append_histogram(std::string& text, LabelSets::Number set) const {
  const std::vector<double>& values = values_[set];
  double below = 0;
  for (std::size_t i = 0; i <= about_.bounds.size(); ++i) {
    fmt::format_to(std::back_inserter(text), "{}_bucket{{{},le=\"", about_.name, sets_.text(set));
    append_bound(text, i < about_.bounds.size() ? about_.bounds[i] : HUGE_VAL);
    below += values[i];
    fmt::format_to(std::back_inserter(text), "\"}} {}\n", below);
  }
  fmt::format_to(std::back_inserter(text), "{}_count{{{}}} {}\n{}_sum{{{}}} ", about_.name,
                 sets_.text(set), below, about_.name, sets_.text(set));
  append_number(text, values.back());
  text += '\n';
}

}  // namespace xylem::cluster
