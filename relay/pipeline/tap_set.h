#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "relay/event/batch.h"
#include "relay/event/topic_filter.h"
#include "relay/pipeline/tap.h"
#include "relay/pipeline/tap_memory.h"

namespace xylem {

// All taps of one sink. A filter is evaluated once per distinct key of a batch, and once for all
// taps that have the same one. What it matches is shared with all whose filters match the same:
// the batch itself if that is every event of it, else one gathered copy. One owner thread.
class TapSet {
 public:
  // `bytes_max` bounds what all taps hold together, as TapMemory counts it; what was offered last
  // may exceed it, and so may a batch of each tap that lets go of nothing. Before that, of the
  // address that holds most the tap that holds most overflows by its own policy, then the next.
  explicit TapSet(std::uint64_t bytes_max = UINT64_MAX) : memory_(bytes_max) {}

  // For taps that are to be added.
  [[nodiscard]] TapMemory& memory() { return memory_; }
  [[nodiscard]] const TapMemory& memory() const { return memory_; }
  // How often a tap was made to overflow for all.
  [[nodiscard]] std::uint64_t squeezes() const { return squeezes_; }

  // The tap must stay where it is until remove().
  void add(Tap& tap, const TopicFilter& filter);
  void remove(Tap& tap);

  // Returns what it cost, in words of a key times lanes of a filter (topic_automaton.h), or what
  // takes as long, about a nanosecond each: copies count as well, and squeezes.
  std::size_t offer(const BatchRef& batch);
  // What the filter wants of the batch, nothing if that is nothing; and what it cost to find, in
  // offer()'s steps, which include the splitting and the copying here.
  struct Selected {
    BatchRef batch;
    std::size_t cost = 0;
  };
  [[nodiscard]] Selected select(const TopicFilter& filter, const BatchRef& batch);
  // Taps with the policy `block` are waited for, or, for now, are not.
  void suspend_block(bool suspended);
  // True while a tap with the policy `block` is full: then nothing may be offered.
  [[nodiscard]] bool blocked() const;
  [[nodiscard]] std::size_t distinct_filters() const { return groups_.size(); }

 private:
  struct Group {
    TopicFilter filter;
    std::vector<Tap*> taps;
  };
  template <class Visit>
  void for_each_tap(Visit visit) {
    for (auto& [name, group] : groups_) {
      for (Tap* tap : group.taps) visit(*tap);
    }
  }
  // What was offered last may still be sent, what was offered before could have been.
  enum class Squeezed : std::uint8_t { all, all_but_the_last };
  std::size_t squeeze_the_fattest(Squeezed what);
  void find_the_fat(std::uint64_t batches);
  void release_the_squeezed();

  // Splits the keys of a batch that every filter is then held against.
  void split_keys(const Batch& batch);
  // Sets key_wanted_.
  enum class Wanted : std::uint8_t { nothing, some, everything };
  [[nodiscard]] Wanted match_split(const TopicFilter& filter, const Batch& batch);
  // What key_wanted_ says, as a copy; adds what it cost. copy_of(): one for all who want the same.
  [[nodiscard]] BatchRef gathered(const Batch& batch, std::size_t& cost) const;
  [[nodiscard]] const BatchRef& copy_of(const Batch& batch, std::size_t& cost);

  TapMemory memory_;
  std::uint64_t squeezes_ = 0;
  bool any_squeezed_ = false;
  bool block_suspended_ = false;
  std::map<std::string, Group> groups_;  // by the filter's name
  // Reused between batches.
  std::vector<bool> key_wanted_;
  std::vector<std::string_view> words_;
  std::vector<std::size_t> key_ends_;                       // of each key's words in words_
  std::unordered_map<std::vector<bool>, BatchRef> copies_;  // by key_wanted_, of one batch
  std::vector<TapMemory::Account*> fat_;  // a heap; those with taps that can be squeezed
};

}  // namespace xylem
