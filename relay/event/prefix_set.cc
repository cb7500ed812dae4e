#include "relay/event/prefix_set.h"

#include <random>

namespace xylem {
namespace {

std::uint64_t odd_secret() {
  std::random_device device;
  return std::uint64_t{device()} << 32 | device() | 1;
}

}  // namespace

PrefixSet::PrefixSet() : secret_(odd_secret()) {}

std::uint64_t PrefixSet::next(std::uint64_t hash, char byte) const {
  hash = (hash + static_cast<unsigned char>(byte) + 1) * secret_;
  return hash ^ hash >> 29;
}

PrefixSet::Hashed<std::string_view> PrefixSet::hashed(std::string_view text) const {
  std::uint64_t hash = 0;
  for (const char byte : text) hash = next(hash, byte);
  return {text, hash};
}

bool PrefixSet::add(std::string_view prefix) {
  const auto wanted = hashed(prefix);
  if (prefixes_.contains(wanted)) return false;
  prefixes_.insert({std::string(prefix), wanted.hash});
  if (of_length_.size() <= prefix.size()) of_length_.resize(prefix.size() + 1);
  ++of_length_[prefix.size()];
  return true;
}

bool PrefixSet::remove(std::string_view prefix) {
  const auto at = prefixes_.find(hashed(prefix));
  if (at == prefixes_.end()) return false;
  --of_length_[prefix.size()];
  while (!of_length_.empty() && of_length_.back() == 0) of_length_.pop_back();
  prefixes_.erase(at);
  return true;
}

void PrefixSet::clear() {
  prefixes_.clear();
  of_length_.clear();
}

bool PrefixSet::begins(std::string_view key, std::size_t& cost) const {
  std::uint64_t hash = 0;
  for (std::size_t length = 0; length < of_length_.size(); ++length) {
    if (of_length_[length] != 0) {
      cost += kLookUpCost;
      if (prefixes_.contains(Hashed<std::string_view>{key.substr(0, length), hash})) return true;
    }
    if (length == key.size()) return false;
    hash = next(hash, key[length]);
    ++cost;
  }
  return false;
}

}  // namespace xylem
