#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "relay/base/clock.h"
#include "tests/doubles/chance.h"

namespace xylem::testing {

// One direction of a link that can do to messages whatever a network can: lose, double, delay, and
// change their order. What it did is counted, for a test to show that it was tried.
template <class Message>
class LossyLink {
 public:
  struct Faults {
    std::size_t lose_one_in = 10;
    std::size_t double_one_in = 10;
    Duration delay_max = std::chrono::milliseconds(50);
  };
  LossyLink(Chance& chance, Faults faults) : chance_(chance), faults_(faults) {}

  void send(const Message& message, Instant now) {
    if (chance_.one_in(faults_.double_one_in)) {
      put(message, now);
      ++doubled;
    }
    if (chance_.one_in(faults_.lose_one_in)) {
      ++lost;
    } else {
      put(message, now);
    }
  }
  // One that has arrived, the one with the shortest way first.
  std::optional<Message> receive(Instant now) {
    auto first = under_way_.end();
    for (auto at = under_way_.begin(); at != under_way_.end(); ++at) {
      if (at->first <= now && (first == under_way_.end() || at->first < first->first)) first = at;
    }
    if (first == under_way_.end()) return std::nullopt;
    Message message = std::move(first->second);
    under_way_.erase(first);
    return message;
  }
  void end() {
    lost += under_way_.size();
    under_way_.clear();
  }

  std::size_t lost = 0;
  std::size_t doubled = 0;

 private:
  void put(const Message& message, Instant now) {
    const auto delay = chance_.below(static_cast<std::size_t>(faults_.delay_max.count()));
    under_way_.emplace_back(now + Duration(delay), message);
  }
  Chance& chance_;
  Faults faults_;
  std::vector<std::pair<Instant, Message>> under_way_;
};

}  // namespace xylem::testing
