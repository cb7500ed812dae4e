#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace xylem {

// Which prefixes of routing keys somebody wants. A key is held against all of them at once: each of
// its beginnings is hashed on the way to the next and looked for only if a prefix of that length is
// there, so that a key costs what its length costs, however many prefixes there are. The hash has a
// secret, or peers could choose prefixes that collide. One owner thread.
class PrefixSet {
 public:
  PrefixSet();

  // False if it was there already.
  bool add(std::string_view prefix);
  // False if it was not there.
  bool remove(std::string_view prefix);
  void clear();

  // Whether any of them begins the key. Adds what it cost: bytes that were hashed, and for each
  // look-up kLookUpCost, which takes as long.
  [[nodiscard]] bool begins(std::string_view key, std::size_t& cost) const;

  [[nodiscard]] std::size_t size() const { return prefixes_.size(); }
  [[nodiscard]] bool empty() const { return prefixes_.empty(); }

  static constexpr std::size_t kLookUpCost = 32;

 private:
  // With its hash, so that nothing is hashed twice.
  template <class Text>
  struct Hashed {
    Text text;
    std::uint64_t hash;
  };
  struct HashOf {
    using is_transparent = void;
    std::size_t operator()(const auto& hashed) const noexcept { return hashed.hash; }
  };
  struct SameText {
    using is_transparent = void;
    bool operator()(const auto& a, const auto& b) const noexcept { return a.text == b.text; }
  };
  [[nodiscard]] std::uint64_t next(std::uint64_t hash, char byte) const;
  [[nodiscard]] Hashed<std::string_view> hashed(std::string_view text) const;

  std::uint64_t secret_;
  std::unordered_set<Hashed<std::string>, HashOf, SameText> prefixes_;
  std::vector<std::size_t> of_length_;  // how many have this length; ends with the longest
};

}  // namespace xylem
