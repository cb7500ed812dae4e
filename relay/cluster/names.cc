#include "relay/cluster/names.h"

#include <cstring>

namespace xylem::cluster {
namespace {

std::uint64_t word_at(const char* at, std::size_t bytes) {
  std::uint64_t word = 0;
  std::memcpy(&word, at, bytes);
  return word;
}

// Multiplied to 128 bits and folded, as in wyhash.
std::uint64_t mixed(std::uint64_t a, std::uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

}  // namespace

std::uint64_t hash_of(std::string_view text, std::uint64_t seed) noexcept {
  constexpr std::uint64_t kFirst = 0xa0761d6478bd642fULL;
  constexpr std::uint64_t kSecond = 0xe7037ed1a0b428dbULL;
  std::uint64_t hash = mixed(seed ^ kFirst, text.size() ^ kSecond);
  const char* at = text.data();
  std::size_t left = text.size();
  for (; left > 16; left -= 16, at += 16) {
    hash = mixed(word_at(at, 8) ^ seed ^ kSecond, word_at(at + 8, 8) ^ hash);
  }
  const std::uint64_t a = word_at(at, left < 8 ? left : 8);
  const std::uint64_t b = left > 8 ? word_at(at + 8, left - 8) : 0;
  return mixed(mixed(a ^ seed ^ kFirst, b ^ hash), kSecond ^ seed);
}

Names::Names(std::size_t names_max, std::uint64_t seed)
    : names_max_(names_max), seed_(seed), texts_(1), hashes_(1), slots_(64) {}

std::size_t Names::slot_of(std::string_view text, std::uint64_t hash) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = hash & mask;
  while (slots_[at] != 0 && (hashes_[slots_[at]] != hash || texts_[slots_[at]] != text)) {
    at = (at + 1) & mask;
  }
  return at;
}

NameId Names::find(std::string_view text) const {
  if (text.empty()) return {};
  text = text.substr(0, kTextBytesMax);
  return {slots_[slot_of(text, hash_of(text, seed_))]};
}

NameId Names::of(std::string_view text) {
  if (text.empty()) return {};
  text = text.substr(0, kTextBytesMax);
  std::uint64_t hash = hash_of(text, seed_);
  std::size_t at = slot_of(text, hash);
  if (slots_[at] != 0) return {slots_[at]};
  if (size() + 1 >= names_max_) {
    if (text != kOther) ++turned_away_;
    text = kOther;
    hash = hash_of(text, seed_);
    at = slot_of(text, hash);
    if (slots_[at] != 0) return {slots_[at]};
  }
  texts_.emplace_back(text);
  hashes_.push_back(hash);
  bytes_ += text.size() + sizeof(std::string) + sizeof(std::uint64_t) + 2 * sizeof(std::uint32_t);
  slots_[at] = static_cast<std::uint32_t>(size());
  if (texts_.size() * 2 > slots_.size()) grow();
  return {static_cast<std::uint32_t>(size())};
}

void Names::grow() {
  std::vector<std::uint32_t> larger(slots_.size() * 2);
  for (std::uint32_t id = 1; id < texts_.size(); ++id) {
    std::size_t at = hashes_[id] & (larger.size() - 1);
    while (larger[at] != 0) at = (at + 1) & (larger.size() - 1);
    larger[at] = id;
  }
  slots_.swap(larger);
}

}  // namespace xylem::cluster
