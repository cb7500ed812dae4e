#include "relay/pipeline/tap_set.h"

#include <algorithm>

#include "relay/codec/batch_codec.h"

namespace xylem {

void TapSet::add(Tap& tap, const TopicFilter& filter) {
  const auto [group, made] = groups_.try_emplace(filter.name(), Group{filter, {}});
  group->second.taps.push_back(&tap);
}

void TapSet::remove(Tap& tap) {
  for (auto group = groups_.begin(); group != groups_.end();) {
    std::erase(group->second.taps, &tap);
    group = group->second.taps.empty() ? groups_.erase(group) : std::next(group);
  }
}

bool TapSet::any(bool (Tap::*holds)() const) const {
  return std::any_of(groups_.begin(), groups_.end(), [holds](const auto& named) {
    const std::vector<Tap*>& taps = named.second.taps;
    return std::any_of(taps.begin(), taps.end(),
                       [holds](const Tap* tap) { return (tap->*holds)(); });
  });
}

bool TapSet::blocked() const { return any(&Tap::blocks); }
bool TapSet::any_full() const { return any(&Tap::full); }

BatchRef TapSet::select(const TopicFilter& filter, const BatchRef& batch) {
  if (filter.matches_everything()) return batch;
  std::size_t wanted = 0;
  key_wanted_.clear();
  for (const BatchKey& key : batch->keys()) {
    key_wanted_.push_back(filter.matches(key.text));
    if (key_wanted_.back()) wanted += key.events;
  }
  if (wanted == 0) return {};
  if (wanted == batch->size()) return batch;
  return BatchRef(gather(*batch, key_wanted_));
}

void TapSet::offer(const BatchRef& batch) {
  for (auto& [name, group] : groups_) {
    const BatchRef matched = select(group.filter, batch);
    for (Tap* tap : group.taps) tap->offer(batch->size(), matched);
  }
}

}  // namespace xylem
