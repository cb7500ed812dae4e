#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "relay/base/limits.h"

namespace xylem {

// All patterns of a filter as one automaton over the words of a key (shift-and: one bit per place
// in a pattern). A pattern's bits lie in one 64-bit lane, so a word of a key costs a few operations
// per lane and one look-up, however many patterns there are. Immutable; any thread.
class TopicAutomaton {
 public:
  TopicAutomaton() = default;
  // Texts that TopicPattern::parse() takes, kPatternsPerSubscriberMax at most.
  explicit TopicAutomaton(std::span<const std::string> patterns);

  [[nodiscard]] bool matches(std::string_view key) const noexcept;
  // The same of a key that is in its words already.
  [[nodiscard]] bool matches(std::span<const std::string_view> words) const noexcept;

  // What a word of a key costs, in lanes.
  [[nodiscard]] std::size_t lanes() const noexcept { return lanes_.size(); }

 private:
  using Bits = std::uint64_t;
  struct Lane {
    Bits start = 0;     // places where matching begins, and what their `#` lead to
    Bits one_word = 0;  // `*`: any word leads on
    Bits hashes = 0;    // `#`: any word stays here, and no word leads on
    Bits accept = 0;    // behind a pattern's last word
  };
  // Where a literal word leads on.
  struct Place {
    std::uint32_t lane;
    Bits bits;
  };
  struct Literal {
    std::string word;
    std::uint32_t first;  // of places_
    std::uint32_t count;
  };
  using Reached = std::array<Bits, kPatternsPerSubscriberMax>;

  void add(std::string_view pattern, std::size_t& used);
  void gather_literals();
  [[nodiscard]] std::span<const Place> places_of(std::string_view word) const noexcept;
  [[nodiscard]] static Bits step(const Lane& lane, Bits at, Bits leads_on) noexcept;
  [[nodiscard]] bool step_all(Reached& at, std::string_view word) const noexcept;
  template <class ForEachWord>
  [[nodiscard]] bool run(ForEachWord for_each_word) const noexcept;

  std::vector<Lane> lanes_;
  std::vector<Literal> literals_;  // sorted by word
  std::vector<Place> places_;
};

}  // namespace xylem
