#include "relay/pipeline/tap_set.h"

#include <algorithm>

#include "relay/codec/batch_codec.h"
#include "relay/event/routing_key.h"

namespace xylem {
namespace {

// In steps of matching a word against a lane: to find the word, and bytes copied meanwhile.
constexpr std::size_t kSplitCost = 4;
constexpr std::size_t kCopiedPerStep = 4;

}  // namespace

void TapSet::add(Tap& tap, const TopicFilter& filter) {
  const auto [group, made] = groups_.try_emplace(filter.name(), Group{filter, {}});
  group->second.taps.push_back(&tap);
  tap.suspend_block(block_suspended_);
  tap.release_squeeze();
}

void TapSet::remove(Tap& tap) {
  for (auto group = groups_.begin(); group != groups_.end();) {
    std::erase(group->second.taps, &tap);
    group = group->second.taps.empty() ? groups_.erase(group) : std::next(group);
  }
}

void TapSet::suspend_block(bool suspended) {
  if (suspended == block_suspended_) return;
  block_suspended_ = suspended;
  for_each_tap([suspended](Tap& tap) { tap.suspend_block(suspended); });
}

// Bounded: each step takes a batch out of a tap, or a tap out of those to choose from.
void TapSet::squeeze_the_fattest() {
  while (memory_.over()) {
    Tap* fattest = nullptr;
    for_each_tap([&fattest](Tap& tap) {
      if (tap.is_squeezed() || tap.held_bytes() == 0) return;
      if (fattest == nullptr || tap.held_bytes() > fattest->held_bytes()) fattest = &tap;
    });
    if (fattest == nullptr) return;
    fattest->squeeze();
    any_squeezed_ |= fattest->is_squeezed();
    ++squeezes_;
  }
}

void TapSet::release_the_squeezed() {
  if (!any_squeezed_ || memory_.tight()) return;
  any_squeezed_ = false;
  for_each_tap([](Tap& tap) { tap.release_squeeze(); });
}

bool TapSet::blocked() const {
  return std::any_of(groups_.begin(), groups_.end(), [](const auto& named) {
    const std::vector<Tap*>& taps = named.second.taps;
    return std::any_of(taps.begin(), taps.end(), [](const Tap* tap) { return tap->blocks(); });
  });
}

void TapSet::split_keys(const Batch& batch) {
  words_.clear();
  key_ends_.clear();
  for (const BatchKey& key : batch.keys()) {
    for_each_word(key.text, [this](std::string_view word) { words_.push_back(word); });
    key_ends_.push_back(words_.size());
  }
}

TapSet::Selected TapSet::select(const TopicFilter& filter, const BatchRef& batch) {
  if (filter.matches_everything()) return {batch, 0};
  split_keys(*batch);
  Selected selected{select_of_split(filter, batch), words_.size() * (kSplitCost + filter.lanes())};
  const bool copied = selected.batch && &*selected.batch != &*batch;
  if (copied) selected.cost += selected.batch->frame().size() / kCopiedPerStep;
  return selected;
}

BatchRef TapSet::select_of_split(const TopicFilter& filter, const BatchRef& batch) {
  std::size_t wanted = 0;
  key_wanted_.clear();
  std::size_t first = 0;
  for (std::size_t i = 0; i < key_ends_.size(); first = key_ends_[i++]) {
    key_wanted_.push_back(filter.matches(std::span(words_).subspan(first, key_ends_[i] - first)));
    if (key_wanted_.back()) wanted += batch->keys()[i].events;
  }
  if (wanted == 0) return {};
  if (wanted == batch->size()) return batch;
  return BatchRef(gather(*batch, key_wanted_));
}

std::size_t TapSet::offer(const BatchRef& batch) {
  release_the_squeezed();
  bool split = false;
  std::size_t lanes = 0;
  for (auto& [name, group] : groups_) {
    BatchRef matched = batch;
    if (!group.filter.matches_everything()) {
      if (!split) split_keys(*batch);
      split = true;
      matched = select_of_split(group.filter, batch);
      lanes += group.filter.lanes();
    }
    for (Tap* tap : group.taps) tap->offer(batch->size(), matched);
  }
  squeeze_the_fattest();
  return lanes == 0 ? 0 : lanes * words_.size();
}

}  // namespace xylem
