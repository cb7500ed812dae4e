#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace xylem::zmtp {

// Who subscribed to which prefix. A set for each connection, as libzmq's XPUB has it: its own SUB
// says SUBSCRIBE at every call and CANCEL only at the last, so to count would keep prefixes for
// ever (RFC 37 says to count). Not thread-safe.
class PrefixTable {
 public:
  struct Limits {
    std::size_t prefixes_max = 1024;  // of a connection
    // Of all: text, and what the tables need beside it.
    std::size_t bytes_max = std::size_t{16} << 20;
  };
  explicit PrefixTable(const Limits& limits) : limits_(limits) {}

  using Subscriber = std::uint32_t;
  enum class Added : std::uint8_t {
    added,
    had_already,
    matches_nothing,  // longer than a key can be; not kept
    refused           // above a limit; not kept
  };
  [[nodiscard]] Added add(Subscriber subscriber, std::string_view prefix);
  enum class Removed : std::uint8_t {
    had_none,  // it did not have the prefix; nothing changes for anybody
    others_have,
    last  // nobody has it any more
  };
  [[nodiscard]] Removed remove(Subscriber subscriber, std::string_view prefix);
  // Returns those of its prefixes that nobody has any more.
  [[nodiscard]] std::vector<std::string> remove_all(Subscriber subscriber);
  [[nodiscard]] bool has(std::string_view prefix) const { return subscribers_.contains(prefix); }

  // Appends whoever has a prefix of the key, each once, ascending. Cost: a lookup for every length
  // that any prefix has, up to the key's.
  void match(std::string_view key, std::vector<Subscriber>& out) const;

  [[nodiscard]] std::size_t prefixes() const { return subscribers_.size(); }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  static constexpr std::size_t kPrefixBytesMax = 255;
  static constexpr std::size_t kOverheadBytes = 128;  // of a prefix in both tables, about

  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };
  using Prefixes = std::unordered_set<std::string, Hash, std::equal_to<>>;

  // Whether it was the last who had it.
  [[nodiscard]] bool forget(Subscriber subscriber, std::string_view prefix);

  Limits limits_;
  std::unordered_map<std::string, std::vector<Subscriber>, Hash, std::equal_to<>> subscribers_;
  std::unordered_map<Subscriber, Prefixes> prefixes_of_;
  std::array<std::size_t, kPrefixBytesMax + 1> lengths_{};  // how many prefixes have it
  std::size_t bytes_ = 0;
};

}  // namespace xylem::zmtp
