#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "relay/base/result.h"
#include "relay/filter/filter_term.h"

namespace xylem {

// What selects events or tasks, wherever something is selected (docs/filters.md):
//
//   state:FAILURE -name:beat.* (queue:mail OR runtime:>2s) "invoice 17"
//
// Immutable; any thread.
class Filter {
 public:
  static constexpr std::size_t kBytesMax = 2048;
  static constexpr std::size_t kTermsMax = 64;
  static constexpr std::size_t kDepthMax = 8;

  // Errors: usage, with the place, the reason and, for a key that is not known, the nearest one.
  [[nodiscard]] static Result<Filter> parse(std::string_view text);
  // Matches everything.
  Filter() = default;

  // `now_us` is what times such as `-15m` go by.
  [[nodiscard]] bool matches(const FilterSubject& subject, std::int64_t now_us) const;
  [[nodiscard]] bool matches_all() const { return root_.parts.empty(); }
  // The tree with each part's verdict, a line each, ending with a line feed.
  [[nodiscard]] std::string explain(const FilterSubject& subject, std::int64_t now_us) const;

  struct Node {
    enum class Kind : std::uint8_t { all_of, any_of, none_of, term };
    Kind kind = Kind::all_of;
    std::vector<Node> parts;
    FilterTerm term = FilterTerm::word("");
  };

 private:
  explicit Filter(Node root) : root_(std::move(root)) {}
  Node root_;
};

}  // namespace xylem
