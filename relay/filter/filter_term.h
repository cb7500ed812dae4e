#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "relay/base/result.h"
#include "relay/event/topic_pattern.h"
#include "relay/filter/filter_key.h"

namespace xylem {

// One end of a range: a number of the key's unit, or a time that is so far from now.
struct FilterBound {
  double value = 0;  // seconds for durations and times
  bool from_now = false;
  bool inclusive = false;
};

// One condition of a filter. Pure; any thread.
class FilterTerm {
 public:
  // A word that is looked for in name, uuid, args, kwargs and exception, whatever its case.
  [[nodiscard]] static FilterTerm word(std::string_view text);
  // `key:value`; a quoted value is a text and nothing else. Errors: usage, with the nearest key.
  [[nodiscard]] static Result<FilterTerm> of(std::string_view key, std::string_view value,
                                             bool quoted);

  [[nodiscard]] bool matches(const FilterSubject& subject, std::int64_t now_us) const;
  // As it would be written.
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  enum class Way : std::uint8_t { word, whole, glob, pattern, range, has, argument };
  [[nodiscard]] Result<void> read_value(FilterValueType type, std::string_view value, bool quoted);
  [[nodiscard]] Result<void> read_range(FilterValueType type, std::string_view value);
  [[nodiscard]] bool matches_text(std::string_view text) const;
  [[nodiscard]] bool matches_number(double value, std::int64_t now_us) const;
  [[nodiscard]] bool matches_argument(std::string_view json, std::int64_t now_us) const;

  Way way_ = Way::word;
  Way value_way_ = Way::whole;  // of an argument
  FilterKey key_{};
  std::string argument_;  // behind `args.` or `kwargs.`
  std::string value_;
  std::optional<TopicPattern> pattern_;
  std::optional<FilterBound> least_;
  std::optional<FilterBound> most_;
  std::string text_;
};

}  // namespace xylem
