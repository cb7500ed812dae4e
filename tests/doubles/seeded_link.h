#pragma once

#include <algorithm>
#include <deque>
#include <optional>

#include "relay/base/clock.h"
#include "tests/doubles/chance.h"

namespace xylem::testing {

// One direction of a ZeroMQ connection: it delays, and keeps the order. It loses nothing but all at
// once, when the connection ends: ZeroMQ does not lose single messages inside of one.
template <class Message>
class SeededLink {
 public:
  SeededLink(Chance& chance, Duration delay_max) : chance_(chance), delay_max_(delay_max) {}

  void send(Message message, Instant now) {
    const auto delay = Duration(chance_.below(static_cast<std::size_t>(delay_max_.count())));
    last_ = std::max(last_, now + delay);
    under_way_.push_back({last_, std::move(message)});
  }
  // The next that has arrived.
  std::optional<Message> receive(Instant now) {
    if (under_way_.empty() || under_way_.front().due > now) return std::nullopt;
    Message message = std::move(under_way_.front().message);
    under_way_.pop_front();
    return message;
  }
  // The connection ends. Returns how many messages were lost.
  std::size_t end() {
    const std::size_t lost = under_way_.size();
    under_way_.clear();
    return lost;
  }

 private:
  struct UnderWay {
    Instant due;
    Message message;
  };
  Chance& chance_;
  Duration delay_max_;
  Instant last_;
  std::deque<UnderWay> under_way_;
};

}  // namespace xylem::testing
