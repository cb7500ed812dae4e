#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "relay/base/check.h"
#include "relay/event/batch.h"
#include "relay/metrics/metric_table.h"
#include "relay/metrics/published.h"
#include "relay/ring/doorbell.h"
#include "relay/ring/spsc_ring.h"

namespace xylem {

// What a ring holds at most, in bytes of frames, and the batch that reached them. All that a source
// takes in stands in line behind what is in its ring, so that one is short. A sink's is for the
// time that a disk takes to sync.
inline constexpr std::size_t kSourceEdgeBytesMax = std::size_t{1} << 20;
inline constexpr std::size_t kSinkEdgeBytesMax = std::size_t{32} << 20;

// A ring between two agents, with the bells that wake them: the consumer's when batches arrive, the
// producer's when room appears after the ring was full. The policy of an edge is always `block`:
// what a subscriber's slowness costs is decided at its tap, never here.
//
// `Handle` is a plain pointer that owns: Batch* from a source (sole ownership, so that it can be
// stamped), const Batch* to a sink (one reference). Whoever pops it takes the ownership.
template <class Handle, std::size_t kBytesMax>
class Edge {
 public:
  Edge(std::string name, std::size_t capacity_batches)
      : name_(std::move(name)), ring_(capacity_batches), ends_(ring_.split()) {}
  ~Edge() {
    std::array<Handle, 16> rest;
    for (std::size_t n; (n = ends_.second.pop(rest)) != 0;) {
      for (const Handle batch : std::span(rest).first(n)) abandon(batch);
    }
  }
  Edge(const Edge&) = delete;
  Edge& operator=(const Edge&) = delete;

  // Before any agent starts: whom to wake.
  void join(Doorbell& producer, Doorbell& consumer) {
    producer_ = &producer;
    consumer_ = &consumer;
  }

  // Producer thread. In batches, as long as they are not large; none if it holds kBytesMax.
  [[nodiscard]] std::size_t room() const {
    const std::uint64_t held = pushed_bytes_ - popped_bytes_.load(std::memory_order_relaxed);
    return held < kBytesMax ? ends_.first.room() : 0;
  }
  void push(Handle batch) {
    pushed_bytes_ += batch->frame().size();
    XYLEM_CHECK(ends_.first.push(batch), "a producer asks for room first");
  }
  void ring_consumer() { consumer_->ring(); }
  // Says that the producer will sleep until there is room for so many; false if there is after all.
  [[nodiscard]] bool await_room(std::size_t batches) {
    producer_waits_.exchange(true, std::memory_order_seq_cst);
    return room() < batches;
  }

  // Consumer thread.
  [[nodiscard]] bool empty() const { return ends_.second.available() == 0; }
  [[nodiscard]] std::size_t pop(std::span<Handle> out) {
    const std::size_t count = ends_.second.pop(out);
    if (count == 0) return 0;
    std::uint64_t bytes = popped_bytes_.load(std::memory_order_relaxed);
    for (const Handle batch : out.first(count)) bytes += batch->frame().size();
    popped_bytes_.store(bytes, std::memory_order_relaxed);  // the exchanges order it
    // An exchange, not a load first: a load could be done before the pop is seen by a producer that
    // just then says that it waits, and then nobody would wake it.
    if (producer_waits_.exchange(false, std::memory_order_seq_cst)) producer_->ring();
    return count;
  }

  // What the consumer made of the batches: so many of this edge have been given sequences, the
  // newest of them ending with `last`. Consumer thread says it; any thread asks.
  struct Stamped {
    std::uint64_t batches = 0;
    std::uint64_t last = 0;
  };
  void add_stamped(std::uint64_t batches, Sequence last) {
    stamped_.batches += batches;
    stamped_.last = last.value;
    stamped_shown_.publish(stamped_);
    if (stamp_awaited_.exchange(false, std::memory_order_seq_cst)) producer_->ring();
  }
  [[nodiscard]] Stamped stamped() const { return stamped_shown_.read(); }
  // Says that the producer will sleep until so many batches are stamped; false if they are already.
  [[nodiscard]] bool await_stamped(std::uint64_t batches) {
    stamp_awaited_.exchange(true, std::memory_order_seq_cst);
    return stamped().batches < batches;
  }

  // Any thread; the count is of a moment ago.
  void sample(Samples& samples) const {
    samples.push_back(
        {Metric::ring_batches, static_cast<double>(ends_.second.available()), {{"ring", name_}}});
    samples.push_back(
        {Metric::ring_capacity, static_cast<double>(ends_.second.capacity()), {{"ring", name_}}});
  }

 private:
  static void abandon(Batch* batch) { const std::unique_ptr<Batch> sole(batch); }
  static void abandon(const Batch* batch) { const BatchRef last = BatchRef::adopt(batch); }

  std::string name_;
  SpscRing<Handle> ring_;
  std::pair<typename SpscRing<Handle>::Producer, typename SpscRing<Handle>::Consumer> ends_;
  std::uint64_t pushed_bytes_ = 0;  // the producer's
  std::atomic<std::uint64_t> popped_bytes_{0};
  Doorbell* producer_ = nullptr;
  Doorbell* consumer_ = nullptr;
  std::atomic<bool> producer_waits_{false};
  std::atomic<bool> stamp_awaited_{false};
  Stamped stamped_;
  Published<Stamped> stamped_shown_;
};

using SourceEdge = Edge<Batch*, kSourceEdgeBytesMax>;
using SinkEdge = Edge<const Batch*, kSinkEdgeBytesMax>;

}  // namespace xylem
