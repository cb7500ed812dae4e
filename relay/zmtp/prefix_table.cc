#include "relay/zmtp/prefix_table.h"

#include <algorithm>

namespace xylem::zmtp {

PrefixTable::Added PrefixTable::add(Subscriber subscriber, std::string_view prefix) {
  if (prefix.size() > kPrefixBytesMax) return Added::matches_nothing;
  const auto own = prefixes_of_.find(subscriber);
  if (own != prefixes_of_.end() && own->second.contains(prefix)) return Added::had_already;
  const std::size_t had = own == prefixes_of_.end() ? 0 : own->second.size();
  const std::size_t cost = prefix.size() + kOverheadBytes;
  if (had >= limits_.prefixes_max || bytes_ + cost > limits_.bytes_max) return Added::refused;
  prefixes_of_[subscriber].emplace(prefix);
  auto place = subscribers_.find(prefix);
  if (place == subscribers_.end()) {
    place = subscribers_.emplace(std::string(prefix), std::vector<Subscriber>{}).first;
    ++lengths_[prefix.size()];
  }
  place->second.push_back(subscriber);
  bytes_ += cost;
  return Added::added;
}

PrefixTable::Removed PrefixTable::remove(Subscriber subscriber, std::string_view prefix) {
  const auto own = prefixes_of_.find(subscriber);
  if (own == prefixes_of_.end()) return Removed::had_none;
  const auto found = own->second.find(prefix);
  if (found == own->second.end()) return Removed::had_none;
  own->second.erase(found);
  if (own->second.empty()) prefixes_of_.erase(own);
  return forget(subscriber, prefix) ? Removed::last : Removed::others_have;
}

std::vector<std::string> PrefixTable::remove_all(Subscriber subscriber) {
  std::vector<std::string> gone;
  const auto own = prefixes_of_.extract(subscriber);
  if (own.empty()) return gone;
  for (const std::string& prefix : own.mapped()) {
    if (forget(subscriber, prefix)) gone.push_back(prefix);
  }
  return gone;
}

bool PrefixTable::forget(Subscriber subscriber, std::string_view prefix) {
  const auto place = subscribers_.find(prefix);
  auto& all = place->second;
  *std::find(all.begin(), all.end(), subscriber) = all.back();
  all.pop_back();
  bytes_ -= prefix.size() + kOverheadBytes;
  if (!all.empty()) return false;
  --lengths_[prefix.size()];
  subscribers_.erase(place);
  return true;
}

void PrefixTable::match(std::string_view key, std::vector<Subscriber>& out) const {
  const std::size_t longest = std::min(key.size(), kPrefixBytesMax);
  const auto first = static_cast<std::ptrdiff_t>(out.size());
  for (std::size_t length = 0; length <= longest; ++length) {
    if (lengths_[length] == 0) continue;
    const auto found = subscribers_.find(key.substr(0, length));
    if (found != subscribers_.end()) {
      out.insert(out.end(), found->second.begin(), found->second.end());
    }
  }
  std::sort(out.begin() + first, out.end());
  out.erase(std::unique(out.begin() + first, out.end()), out.end());
}

}  // namespace xylem::zmtp
