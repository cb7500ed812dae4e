#include "relay/pipeline/tap_set.h"

#include <algorithm>

#include "relay/codec/batch_codec.h"
#include "relay/event/routing_key.h"

namespace xylem {
namespace {

// In steps of matching a word against a lane: what it costs to find the word, a copy besides its
// bytes, how many of these a step is worth, and what a squeeze costs.
constexpr std::size_t kSplitCost = 4;
constexpr std::size_t kCopyCost = 1024;
constexpr std::size_t kCopyBytesPerStep = 4;
constexpr std::size_t kSqueezeCost = 128;

bool holds_less(const Tap* a, const Tap* b) { return a->held_memory() < b->held_memory(); }
bool has_less(const TapMemory::Account* a, const TapMemory::Account* b) {
  return a->bytes < b->bytes;
}

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

void TapSet::find_the_fat(std::uint64_t batches) {
  for_each_tap([this, batches](Tap& tap) {
    if (!tap.can_be_squeezed(batches)) return;
    std::vector<Tap*>& fattest = tap.account().fattest;
    if (fattest.empty()) fat_.push_back(&tap.account());
    fattest.push_back(&tap);
  });
  for (auto* account : fat_)
    std::make_heap(account->fattest.begin(), account->fattest.end(), holds_less);
  std::make_heap(fat_.begin(), fat_.end(), has_less);
}

// Bounded: each step takes a batch out of a tap, or a tap out of those to choose from. All taps are
// looked at once, and then only the fattest.
std::size_t TapSet::squeeze_the_fattest(Squeezed what) {
  if (!memory_.over()) return 0;
  const std::uint64_t before = squeezes_;
  const std::uint64_t batches = what == Squeezed::all ? 0 : 1;
  find_the_fat(batches);
  while (memory_.over() && !fat_.empty()) {
    std::pop_heap(fat_.begin(), fat_.end(), has_less);
    std::vector<Tap*>& fattest = fat_.back()->fattest;
    std::pop_heap(fattest.begin(), fattest.end(), holds_less);
    Tap& tap = *fattest.back();
    tap.squeeze();
    ++squeezes_;
    any_squeezed_ |= tap.is_squeezed();
    if (tap.can_be_squeezed(batches)) {
      std::push_heap(fattest.begin(), fattest.end(), holds_less);
    } else {
      fattest.pop_back();
    }
    if (fattest.empty()) {
      fat_.pop_back();
    } else {
      std::push_heap(fat_.begin(), fat_.end(), has_less);
    }
  }
  for (auto* account : fat_) account->fattest.clear();
  fat_.clear();
  return squeezes_ - before;
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
  Selected selected{{}, words_.size() * (kSplitCost + filter.lanes())};
  switch (match_split(filter, *batch)) {
    case Wanted::nothing: break;
    case Wanted::everything: selected.batch = batch; break;
    case Wanted::some: selected.batch = gathered(*batch, selected.cost);
  }
  return selected;
}

TapSet::Wanted TapSet::match_split(const TopicFilter& filter, const Batch& batch) {
  std::size_t wanted = 0;
  key_wanted_.clear();
  std::size_t first = 0;
  for (std::size_t i = 0; i < key_ends_.size(); first = key_ends_[i++]) {
    key_wanted_.push_back(filter.matches(std::span(words_).subspan(first, key_ends_[i] - first)));
    if (key_wanted_.back()) wanted += batch.keys()[i].events;
  }
  if (wanted == 0) return Wanted::nothing;
  return wanted == batch.size() ? Wanted::everything : Wanted::some;
}

BatchRef TapSet::gathered(const Batch& batch, std::size_t& cost) const {
  BatchRef copy(gather(batch, key_wanted_));
  cost += kCopyCost + copy->frame().size() / kCopyBytesPerStep;
  return copy;
}

const BatchRef& TapSet::copy_of(const Batch& batch, std::size_t& cost) {
  BatchRef& copy = copies_[key_wanted_];
  if (!copy) copy = gathered(batch, cost);
  return copy;
}

std::size_t TapSet::offer(const BatchRef& batch) {
  release_the_squeezed();
  std::size_t cost = kSqueezeCost * squeeze_the_fattest(Squeezed::all);
  bool split = false;
  std::size_t lanes = 0;
  for (auto& [name, group] : groups_) {
    Wanted wanted = Wanted::everything;
    if (!group.filter.matches_everything()) {
      if (!split) split_keys(*batch);
      split = true;
      wanted = match_split(group.filter, *batch);
      lanes += group.filter.lanes();
    }
    const BatchRef none;
    const BatchRef& matched = wanted == Wanted::everything ? batch
                              : wanted == Wanted::some     ? copy_of(*batch, cost)
                                                           : none;
    for (Tap* tap : group.taps) tap->offer(batch->size(), matched);
  }
  copies_.clear();
  cost += kSqueezeCost * squeeze_the_fattest(Squeezed::all_but_the_last);
  return lanes == 0 ? cost : cost + lanes * words_.size();
}

}  // namespace xylem
