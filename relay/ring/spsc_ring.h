#pragma once

#include <boost/lockfree/spsc_queue.hpp>
#include <cstddef>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>

#include "relay/base/check.h"

namespace xylem {

// A bounded queue between exactly two threads: one holds the Producer end, one the Consumer end.
// The ends are move-only; the ring must outlive both.
//
// Order     first in, first out.
// Capacity  fixed at construction, counted in items; it never grows.
// Full      push() takes what fits and says how many. It drops nothing: the caller knows the policy
//           of this edge and applies it to the rest.
// Items     trivially copyable handles (Boost.Lockfree 1.74 copies on push). What they refer to is
//           the caller's: whoever owns the Consumer end empties it before the ring dies.
// Cost      one release store per call, not per item; no allocation, no system call, never blocks.
template <class Item>
class SpscRing {
  static_assert(std::is_trivially_copyable_v<Item>, "queue a handle, not the thing");

 public:
  explicit SpscRing(std::size_t capacity_items)
      : capacity_(capacity_items), padded_(std::make_unique<Padded>(capacity_items)) {
    XYLEM_CHECK(capacity_items > 0, "a ring holds something");
  }

  class Producer {
   public:
    // Returns how many of `items`, from the front, were taken.
    [[nodiscard]] std::size_t push(std::span<const Item> items) noexcept {
      return ring_->queue().push(items.data(), items.size());
    }
    [[nodiscard]] bool push(Item item) noexcept { return ring_->queue().push(item); }
    // Never more than what then fits: the other side can only make room.
    [[nodiscard]] std::size_t room() const noexcept { return ring_->queue().write_available(); }

    Producer(Producer&& other) noexcept : ring_(std::exchange(other.ring_, nullptr)) {}

   private:
    friend class SpscRing;
    explicit Producer(SpscRing* ring) : ring_(ring) {}
    SpscRing* ring_;
  };

  class Consumer {
   public:
    // Fills `out` from its front and returns the count; 0 means empty just now.
    [[nodiscard]] std::size_t pop(std::span<Item> out) noexcept {
      return ring_->queue().pop(out.data(), out.size());
    }
    [[nodiscard]] std::size_t available() const noexcept { return ring_->queue().read_available(); }
    [[nodiscard]] std::size_t capacity() const noexcept { return ring_->capacity_; }

    Consumer(Consumer&& other) noexcept : ring_(std::exchange(other.ring_, nullptr)) {}

   private:
    friend class SpscRing;
    explicit Consumer(SpscRing* ring) : ring_(ring) {}
    SpscRing* ring_;
  };

  // The two ends; may be called once.
  [[nodiscard]] std::pair<Producer, Consumer> split() {
    XYLEM_CHECK(!std::exchange(split_, true), "a ring has one producer and one consumer");
    return {Producer(this), Consumer(this)};
  }

 private:
  using Queue = boost::lockfree::spsc_queue<Item>;
  // Boost pads between the two indices but not around them, so a neighbour of the queue would
  // share the producer's cache line, and what follows it the consumer's.
  struct alignas(64) Padded {
    explicit Padded(std::size_t capacity) : queue(capacity) {}
    char before[64]{};
    Queue queue;
    char after[64]{};
  };
  Queue& queue() noexcept { return padded_->queue; }

  std::size_t capacity_;
  std::unique_ptr<Padded> padded_;
  bool split_ = false;
};

}  // namespace xylem
