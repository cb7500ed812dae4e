#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace xylem::cluster {

// A text that many tasks share, such as a task's name or a host: 0 is "none".
struct NameId {
  std::uint32_t value = 0;
  friend constexpr bool operator==(NameId, NameId) = default;
  explicit constexpr operator bool() const { return value != 0; }
};

// Texts and their numbers, bounded in number and bytes: what comes when it is full shares the
// name `kOther`, and is counted. Numbers stay as long as the table. One owner thread.
class Names {
 public:
  static constexpr std::string_view kOther = "(other)";
  static constexpr std::size_t kTextBytesMax = 512;  // of one; the rest is cut off

  Names(std::size_t names_max, std::uint64_t seed);

  // The number of `text`, which gets one if it has none; NameId{} for "".
  [[nodiscard]] NameId of(std::string_view text);
  // NameId{} if it has none.
  [[nodiscard]] NameId find(std::string_view text) const;
  [[nodiscard]] std::string_view text(NameId id) const { return texts_[id.value]; }
  [[nodiscard]] std::size_t size() const { return texts_.size() - 1; }  // without "none"
  [[nodiscard]] std::uint64_t turned_away() const { return turned_away_; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  [[nodiscard]] std::size_t slot_of(std::string_view text, std::uint64_t hash) const;
  void grow();

  std::size_t names_max_;
  std::uint64_t seed_;
  std::deque<std::string> texts_;
  std::vector<std::uint64_t> hashes_;  // of texts_
  std::vector<std::uint32_t> slots_;   // a power of two
  std::uint64_t turned_away_ = 0;
  std::size_t bytes_ = 0;
};

// Seeded, so that nobody can choose texts that collide.
[[nodiscard]] std::uint64_t hash_of(std::string_view text, std::uint64_t seed) noexcept;

}  // namespace xylem::cluster
