#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "relay/base/clock.h"
#include "relay/codec/control_codec.h"
#include "relay/event/batch.h"
#include "relay/event/ledger.h"
#include "relay/pipeline/tap_memory.h"

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

  // `memory` is that of all taps together, and outlives this one; or nullptr. `address` is the
  // consumer's: taps of one address have one share of it.
  explicit Tap(const Options& options, TapMemory* memory = nullptr, std::string_view address = {})
      : options_(options), memory_(memory) {
    if (memory != nullptr) account_ = memory->open(address);
  }

  // A batch of `offered` events came by; `matched` holds those that the filter wants, or nothing.
  // A tap that is not full takes any batch, so the bounds can be exceeded by one.
  void offer(std::uint64_t offered, const BatchRef& matched);

  // Before what is offered next something is missing that never came by here.
  void note(const Gap& gap) { items_.emplace_back(gap); }

  // At a bound; never while it holds nothing, whatever others hold. With `block` the sink then
  // takes nothing more from its ring; with `disconnect` it ends the subscription, with `spill` it
  // offers nothing more until there is room again; the other policies are applied by offer()
  // itself.
  [[nodiscard]] bool full() const {
    return held_batches_ != 0 &&
           (held_bytes_ >= options_.bytes_max || ledger_.held >= options_.events_max ||
            (squeezed_ && memory_->tight()));
  }
  // Of the past a tap takes a little ahead of what is sent, and nothing while all taps together
  // hold too much, unless it holds nothing.
  [[nodiscard]] bool has_room_for_the_past() const {
    const bool is_ahead = held_bytes_ >= kPastBytesMax || (memory_ != nullptr && memory_->tight());
    return !full() && (items_.empty() || !is_ahead);
  }
  [[nodiscard]] bool blocks() const { return policy() == Overflow::block && full(); }
  [[nodiscard]] bool spills() const { return options_.overflow == Overflow::spill && full(); }
  [[nodiscard]] bool must_disconnect() const { return overrun_; }
  // It has blocked for long enough: from now on it lets go of its oldest.
  void demote() { options_.overflow = Overflow::drop_oldest; }
  // Nobody is waited for just now: with `block` it lets go of its oldest.
  void suspend_block(bool suspended) { block_suspended_ = suspended; }
  [[nodiscard]] const Options& options() const { return options_; }

  // While all taps together hold too much, what one holds above its share is not safe: it is sent
  // before more is offered, if it can be.
  [[nodiscard]] bool is_above_its_share() const {
    return memory_ != nullptr && memory_->tight() && held_memory_ > share();
  }
  // All taps together hold too much, and this one most: it overflows by its own policy. Either it
  // lets go of a batch, its oldest or its newest, or it is full until it has come down to its
  // share, or until there is room again for all.
  void squeeze();
  // It holds more than its share, and more than so many batches, and was not told yet to take no
  // more.
  [[nodiscard]] bool can_be_squeezed(std::uint64_t batches) const;
  [[nodiscard]] bool is_squeezed() const { return squeezed_; }
  void release_squeeze() { squeezed_ = false; }
  // REQUIRES that it was made with a memory.
  [[nodiscard]] TapMemory::Account& account() const { return *account_; }
  // Bytes of memory that what it holds takes, whoever else holds it.
  [[nodiscard]] std::uint64_t held_memory() const { return held_memory_; }

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
  static constexpr std::uint64_t kPastBytesMax = std::uint64_t{4} << 20;

  [[nodiscard]] Overflow policy() const {
    const bool suspended = block_suspended_ && options_.overflow == Overflow::block;
    return suspended ? Overflow::drop_oldest : options_.overflow;
  }
  [[nodiscard]] std::uint64_t share() const { return memory_->share_of_each(*account_); }
  [[nodiscard]] bool lets_go() const {
    return policy() == Overflow::drop_oldest || policy() == Overflow::drop_newest;
  }
  void let_go_of_oldest();
  void let_go_of_newest();
  void let_go(std::deque<Item>::iterator at, DropReason reason);
  void forget(const Batch& batch);
  [[nodiscard]] static Gap gap_of(const Batch& batch);
  [[nodiscard]] static std::uint64_t cost_of(const Batch& batch);

  Options options_;
  std::deque<Item> items_;  // bounded by options_; adjacent gaps are merged
  Ledger ledger_;
  std::uint64_t held_bytes_ = 0;
  std::uint64_t held_batches_ = 0;
  std::uint64_t held_memory_ = 0;
  std::uint64_t delivered_bytes_ = 0;
  bool overrun_ = false;
  bool block_suspended_ = false;
  TapMemory* memory_ = nullptr;
  TapMemory::AccountRef account_;
  bool squeezed_ = false;
};

}  // namespace xylem
