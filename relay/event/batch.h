#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "relay/base/ids.h"

namespace xylem {

// One event in a batch: where its body lies and which of the batch's routing keys it has. The same
// 24 bytes as wire::Entry (schema/batch.fbs), so that entries are read where they were received.
struct EventEntry {
  std::int64_t timestamp_us;
  std::uint32_t offset;
  std::uint32_t length;
  std::uint32_t position;
  std::uint16_t key;
  std::uint16_t shape;  // 0: the body is JSON; otherwise index into Batch::shapes(), plus one
};

// A routing key of a batch and how many of its events have it.
struct BatchKey {
  std::string_view text;
  std::uint32_t events = 0;
};

// What the JSON of some of a batch's events have in common (codec/shape.h), and their key.
struct BatchShape {
  std::string_view text;
  std::uint16_t key = 0;
};

// A batch's name on an acked link, zeros if it came over no such link; and what else that link
// said.
struct BatchOrigin {
  SourceId source;
  BatchNumber number;
  bool sync = false;        // its source waits until it is on the disk
  std::int64_t age_us = 0;  // how long it had been on its way when the relay took it in
  bool more = false;        // a piece of a frame, and not the last: that one bears the name
};

// Bytes aligned to 16, owned. simdjson reads up to kSlack bytes past what it parses, so a slab has
// that many more than it was asked for. Move-only.
class Slab {
 public:
  static constexpr std::size_t kSlack = 64;
  Slab() = default;
  explicit Slab(std::size_t bytes);
  [[nodiscard]] std::byte* begin() const noexcept { return bytes_.get(); }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  struct Free {
    void operator()(std::byte* bytes) const noexcept;
  };
  std::unique_ptr<std::byte[], Free> bytes_;
  std::size_t size_ = 0;
};

class BatchRef;

// Some events in order, as one FlatBuffers frame and views into it. codec/batch_codec.h makes them;
// the pipeline stamps one while it is the only owner (std::unique_ptr<Batch>); from then on it is
// immutable and shared by BatchRef, on any thread.
class Batch {
 public:
  // What codec found in the frame; every view points into `slab`.
  struct Parts {
    Slab slab;
    std::span<const std::byte> frame;  // empty for what is only to be read here
    std::span<const EventEntry> entries;
    std::vector<BatchKey> keys;
    std::string_view bodies;
    std::vector<BatchShape> shapes;
    bool replayed;
    // Where the stamp goes, set in place.
    std::uint64_t* epoch;
    std::uint64_t* first_sequence;
    std::int64_t* received_us;
  };
  explicit Batch(Parts parts) : parts_(std::move(parts)) {}
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  // REQUIRES sole ownership. `received_us` is the relay's wall clock.
  void stamp(Epoch epoch, Sequence first, std::int64_t received_us) noexcept;

  // On an acked link the stamp says whose batch it is, and which (docs/protocol.md §7). Likewise.
  // `received_us` is when its sender had it, by the sender's clock, or 0.
  void stamp_for_link(SourceId source, BatchNumber number, std::int64_t received_us = 0) noexcept {
    stamp({source.value}, {number.value}, received_us);
  }
  [[nodiscard]] BatchOrigin stamped_origin() const noexcept {
    return {{*parts_.epoch}, {*parts_.first_sequence}, false, 0};
  }
  // Which batch of an acked link this was; a relay remembers it past its own stamp.
  void set_origin(const BatchOrigin& origin) noexcept { origin_ = origin; }
  [[nodiscard]] const BatchOrigin& origin() const noexcept { return origin_; }

  [[nodiscard]] std::span<const std::byte> frame() const noexcept { return parts_.frame; }
  [[nodiscard]] std::span<const EventEntry> entries() const noexcept { return parts_.entries; }
  [[nodiscard]] std::span<const BatchKey> keys() const noexcept { return parts_.keys; }
  [[nodiscard]] std::string_view bodies() const noexcept { return parts_.bodies; }
  // Bodies of entries with a shape are not JSON: codec/shaped_batch.h makes it of them.
  [[nodiscard]] std::span<const BatchShape> shapes() const noexcept { return parts_.shapes; }
  [[nodiscard]] bool is_shaped() const noexcept { return !parts_.shapes.empty(); }
  // Its events are of the past, sent again by somebody who plays a recording.
  [[nodiscard]] bool is_replayed() const noexcept { return parts_.replayed; }
  [[nodiscard]] std::size_t size() const noexcept { return parts_.entries.size(); }
  // Bytes of memory that it takes, which for a batch of one event is far more than its frame.
  [[nodiscard]] std::size_t footprint() const noexcept;
  // How many taps of one sink hold it, counted on that sink's thread: true for the first that does,
  // and for the last that lets go (pipeline/tap_memory.h).
  [[nodiscard]] bool hold() const noexcept { return holders_++ == 0; }
  [[nodiscard]] bool let_go() const noexcept { return --holders_ == 0; }
  [[nodiscard]] Epoch epoch() const noexcept { return {*parts_.epoch}; }
  [[nodiscard]] Sequence first_sequence() const noexcept { return {*parts_.first_sequence}; }
  [[nodiscard]] std::int64_t received_us() const noexcept { return *parts_.received_us; }

  [[nodiscard]] std::string_view key_of(const EventEntry& entry) const noexcept {
    return parts_.keys[entry.key].text;
  }
  [[nodiscard]] std::string_view body_of(const EventEntry& entry) const noexcept {
    return parts_.bodies.substr(entry.offset, entry.length);
  }
  [[nodiscard]] Sequence sequence_of(const EventEntry& entry) const noexcept {
    return first_sequence().after(entry.position);
  }

 private:
  friend class BatchRef;
  Parts parts_;
  BatchOrigin origin_;
  mutable std::atomic<std::uint32_t> references_{0};
  mutable std::uint32_t holders_ = 0;
};

// Shared ownership of an immutable batch, counted inside the batch. `release` and `adopt` are its
// plain form for a ring or a C callback. Cost: one atomic per copy; nothing per event.
class BatchRef {
 public:
  BatchRef() = default;
  explicit BatchRef(std::unique_ptr<Batch> batch) noexcept : batch_(batch.release()) { retain(); }
  BatchRef(const BatchRef& other) noexcept : batch_(other.batch_) { retain(); }
  BatchRef(BatchRef&& other) noexcept : batch_(std::exchange(other.batch_, nullptr)) {}
  BatchRef& operator=(BatchRef other) noexcept {
    std::swap(batch_, other.batch_);
    return *this;
  }
  ~BatchRef() { drop(); }

  [[nodiscard]] const Batch* release() noexcept { return std::exchange(batch_, nullptr); }
  [[nodiscard]] static BatchRef adopt(const Batch* released) noexcept {
    BatchRef ref;
    ref.batch_ = released;
    return ref;
  }

  explicit operator bool() const noexcept { return batch_ != nullptr; }
  const Batch& operator*() const noexcept { return *batch_; }
  const Batch* operator->() const noexcept { return batch_; }

 private:
  void retain() const noexcept {
    if (batch_ != nullptr) batch_->references_.fetch_add(1, std::memory_order_relaxed);
  }
  void drop() noexcept;
  const Batch* batch_ = nullptr;
};

}  // namespace xylem
