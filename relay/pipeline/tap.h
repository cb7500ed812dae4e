#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "relay/base/clock.h"
#include "relay/codec/control_codec.h"
#include "relay/event/batch.h"
#include "relay/event/ledger.h"

namespace xylem {

// One consumer's queue of what its filter matched, bounded in bytes and events, with a policy for
// when it is full and a ledger that balances. Order is kept: what was let go stands in the queue as
// a gap, at its place, with its exact count. One owner thread, the sink's.
class Tap {
 public:
  struct Options {
    std::uint64_t bytes_max = std::uint64_t{64} << 20;
    std::uint64_t events_max = 1'000'000;
    Overflow overflow = Overflow::drop_oldest;
  };
  using Item = std::variant<BatchRef, Gap>;

  explicit Tap(const Options& options) : options_(options) {}

  // A batch of `offered` events came by; `matched` holds those that the filter wants, or nothing.
  // A tap that is not full takes any batch, so the bounds can be exceeded by one.
  void offer(std::uint64_t offered, const BatchRef& matched);

  // Before what is offered next something is missing that never came by here.
  void note(const Gap& gap) { items_.emplace_back(gap); }

  // At a bound. With `block` the sink then takes nothing more from its ring; with `disconnect` it
  // ends the subscription, with `spill` it offers nothing more until there is room again; the other
  // policies are applied by offer() itself.
  [[nodiscard]] bool full() const {
    return held_bytes_ >= options_.bytes_max || ledger_.held >= options_.events_max;
  }
  [[nodiscard]] bool blocks() const { return options_.overflow == Overflow::block && full(); }
  [[nodiscard]] bool spills() const { return options_.overflow == Overflow::spill && full(); }
  [[nodiscard]] bool must_disconnect() const { return overrun_; }
  // It has blocked for long enough: from now on it lets go of its oldest.
  void demote() { options_.overflow = Overflow::drop_oldest; }
  [[nodiscard]] const Options& options() const { return options_; }

  [[nodiscard]] bool empty() const { return items_.empty(); }
  [[nodiscard]] const Item& front() const { return items_.front(); }
  // The front has been handed to the consumer.
  void delivered();
  // Everything held is let go of, for `reason`; returns the gap that this makes of each epoch's.
  std::vector<Gap> abandon(DropReason reason);

  [[nodiscard]] const Ledger& ledger() const { return ledger_; }
  [[nodiscard]] std::uint64_t held_bytes() const { return held_bytes_; }
  [[nodiscard]] std::uint64_t delivered_bytes() const { return delivered_bytes_; }
  // When the relay took in the oldest batch held, wall clock in microseconds; 0 if nothing is held.
  [[nodiscard]] std::int64_t oldest_held_us() const;

 private:
  void let_go_of_oldest();
  [[nodiscard]] static Gap gap_of(const Batch& batch);
  [[nodiscard]] static std::uint64_t cost_of(const Batch& batch);

  Options options_;
  std::deque<Item> items_;  // bounded by options_; adjacent gaps are merged
  Ledger ledger_;
  std::uint64_t held_bytes_ = 0;
  std::uint64_t delivered_bytes_ = 0;
  bool overrun_ = false;
};

}  // namespace xylem
