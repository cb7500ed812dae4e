#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "relay/event/batch.h"
#include "relay/event/topic_filter.h"
#include "relay/pipeline/tap.h"

namespace xylem {

// All taps of one sink. A filter is evaluated once per distinct key of a batch, and once for all
// taps that have the same one; what it matches is shared by them: the batch itself if it wants
// every event of it, else one gathered copy. One owner thread.
class TapSet {
 public:
  // The tap must stay where it is until remove().
  void add(Tap& tap, const TopicFilter& filter);
  void remove(Tap& tap);

  void offer(const BatchRef& batch);
  // What the filter wants of the batch; nothing if that is nothing.
  [[nodiscard]] BatchRef select(const TopicFilter& filter, const BatchRef& batch);
  // True while a tap with the policy `block` is full: then nothing may be offered.
  [[nodiscard]] bool blocked() const;
  [[nodiscard]] bool any_full() const;
  [[nodiscard]] std::size_t distinct_filters() const { return groups_.size(); }

 private:
  struct Group {
    TopicFilter filter;
    std::vector<Tap*> taps;
  };
  [[nodiscard]] bool any(bool (Tap::*holds)() const) const;

  std::map<std::string, Group> groups_;  // by the filter's name
  std::vector<bool> key_wanted_;         // reused between batches
};

}  // namespace xylem
