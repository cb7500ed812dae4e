#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "relay/event/batch.h"
#include "relay/event/topic_filter.h"
#include "relay/pipeline/tap.h"
#include "relay/pipeline/tap_memory.h"

namespace xylem {

// All taps of one sink. A filter is evaluated once per distinct key of a batch, and once for all
// taps that have the same one; what it matches is shared by them: the batch itself if it wants
// every event of it, else one gathered copy. One owner thread.
class TapSet {
 public:
  // `bytes_max` bounds what all taps hold together, as TapMemory counts it. Above it the tap that
  // holds most overflows by its own policy, then the next.
  explicit TapSet(std::uint64_t bytes_max = UINT64_MAX) : memory_(bytes_max) {}

  // For taps that are to be added.
  [[nodiscard]] TapMemory& memory() { return memory_; }
  [[nodiscard]] const TapMemory& memory() const { return memory_; }
  // How often a tap was made to overflow for all.
  [[nodiscard]] std::uint64_t squeezes() const { return squeezes_; }

  // The tap must stay where it is until remove().
  void add(Tap& tap, const TopicFilter& filter);
  void remove(Tap& tap);

  // Returns what it cost: words of the batch's keys times lanes of the filters (topic_automaton.h).
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
  void squeeze_the_fattest();
  void release_the_squeezed();

  // Splits the keys of a batch that every filter is then held against.
  void split_keys(const Batch& batch);
  [[nodiscard]] BatchRef select_of_split(const TopicFilter& filter, const BatchRef& batch);

  TapMemory memory_;
  std::uint64_t squeezes_ = 0;
  bool any_squeezed_ = false;
  bool block_suspended_ = false;
  std::map<std::string, Group> groups_;  // by the filter's name
  // Reused between batches.
  std::vector<bool> key_wanted_;
  std::vector<std::string_view> words_;
  std::vector<std::size_t> key_ends_;  // of each key's words in words_
};

}  // namespace xylem
