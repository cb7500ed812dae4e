#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "relay/cluster/names.h"

namespace xylem::cluster {

// How many series there may be, over all families of a CompatMetrics; what would be one more joins
// the series whose labels all say Names::kOther, of which each family has one beside.
struct SeriesBudget {
  std::size_t series_max = 0;
  std::size_t series = 0;
  std::uint64_t folded = 0;  // values that joined

  [[nodiscard]] bool take(std::size_t more) {
    if (series + more > series_max) return false;
    series += more;
    return true;
  }
};

// Values of some labels, each combination with a number, so that several families share them.
// Bounded in number; values in bytes. One owner thread.
class LabelSets {
 public:
  using Number = std::uint32_t;
  static constexpr Number kOther = 0;                 // what comes when there are too many
  static constexpr std::size_t kValueBytesMax = 256;  // the rest is cut off

  // `names` of the labels must outlive it.
  LabelSets(std::span<const std::string_view> names, std::size_t sets_max, std::uint64_t seed);

  // The number of these values, as many as there are names; they get one if they have none.
  [[nodiscard]] Number of(std::initializer_list<std::string_view> values);
  // Whether the value of its label of this place is this.
  [[nodiscard]] bool is(Number set, std::size_t label, std::string_view value) const;
  // Its number is given again.
  void remove(Number set);
  // Removes those whose label of this place has this value, each after `leave(set)`.
  template <class Leave>
  void remove_all(std::size_t label, std::string_view value, Leave leave) {
    for (Number set = kOther + 1; set < end(); ++set) {
      if (!is(set, label, value)) continue;
      leave(set);
      remove(set);
    }
  }
  // `name="value",…`, without braces; "" for what was removed.
  [[nodiscard]] const std::string& text(Number set) const { return texts_[set]; }
  // Every number is below.
  [[nodiscard]] Number end() const { return static_cast<Number>(texts_.size()); }

 private:
  struct Seeded {
    std::uint64_t seed;
    std::size_t operator()(const std::string& key) const noexcept { return hash_of(key, seed); }
  };
  template <class Values>
  void make_key(const Values& values);
  void put(Number set, std::initializer_list<std::string_view> values);

  std::span<const std::string_view> names_;
  std::size_t sets_max_;
  std::unordered_map<std::string, Number, Seeded> numbers_;
  std::deque<std::vector<std::string>> values_;
  std::deque<std::string> texts_;
  std::vector<Number> free_;
  std::string key_;
};

// A metric of Prometheus with its series, one per label set. One owner thread.
class MetricFamily {
 public:
  enum class Type : std::uint8_t { counter, gauge, histogram };
  struct About {
    std::string_view name;
    Type type;
    std::string_view help;
    std::span<const double> bounds = {};  // of a histogram's buckets, without infinity
  };
  // `budget` must outlive it, and `sets` and what `about` views.
  MetricFamily(const About& about, const LabelSets& sets, SeriesBudget& budget);

  void add(LabelSets::Number set, double more);
  void set(LabelSets::Number set, double value);
  void observe(LabelSets::Number set, double value);
  // The series is there, at zero if it was not; if there is no room it is not.
  void show(LabelSets::Number set);
  void remove(LabelSets::Number set);

  // HELP and TYPE.
  void append_head(std::string& text) const;
  // The series of the label sets from `first` on, before `last`; there may be fewer.
  void append_series(std::string& text, LabelSets::Number first, LabelSets::Number last) const;
  [[nodiscard]] const LabelSets& sets() const { return sets_; }

 private:
  // Of a histogram: its buckets, what is above them, and the sum.
  [[nodiscard]] std::size_t width() const {
    return about_.type == Type::histogram ? about_.bounds.size() + 2 : 1;
  }
  [[nodiscard]] std::size_t series() const { return width() + (width() > 1); }
  [[nodiscard]] bool make_place(LabelSets::Number set);
  // Where its values are; those of kOther if there is no room for them.
  [[nodiscard]] double* values_of(LabelSets::Number set);
  void append_histogram(std::string& text, LabelSets::Number set) const;

  About about_;
  const LabelSets& sets_;
  SeriesBudget& budget_;
  std::deque<std::vector<double>> values_;  // by label set; empty: no series
};

}  // namespace xylem::cluster
