#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "relay/base/limits.h"
#include "relay/codec/shape.h"
#include "relay/event/batch.h"

namespace xylem {

// Collects events, in order, into one batch. One owner thread.
//
//   char* place = builder.place(bytes_max);   write the body there, then either
//   builder.add(key, length, timestamp_us);   or nothing at all, and the place is used again
class BatchBuilder {
 public:
  // A batch is full at `bytes_full` of bodies and shapes, four times as much JSON, or half of the
  // events or shapes that one may have. It never grows beyond `limits`.
  BatchBuilder(std::size_t bytes_full, const FrameLimits& limits);

  // Whether an event of up to so many bytes, whatever its key, with or without a shape that is new
  // to the batch, can be added. True of an empty batch and an event that is
  // kFrameBytesBesideAnEvent smaller than the largest frame.
  [[nodiscard]] bool has_room(std::size_t event_bytes) const {
    return has_room(event_bytes, limits_);
  }
  // Likewise, within limits that are narrower than the builder's.
  [[nodiscard]] bool has_room(std::size_t event_bytes, const FrameLimits& limits) const;

  // Room for the body of an event, with Slab::kSlack readable bytes behind. REQUIRES has_room() for
  // the event.
  [[nodiscard]] char* place(std::size_t bytes);
  // An event whose body is the first `length` bytes of the place. REQUIRES a valid key.
  void add(std::string_view key, std::size_t length, std::int64_t timestamp_us) {
    add_shaped(key_index(key), length, timestamp_us, 0, length);
  }
  // Likewise; `shape` is what add_shape() said plus one, and `json_bytes` what readers make of it.
  void add_shaped(std::uint16_t key, std::size_t length, std::int64_t timestamp_us,
                  std::uint16_t shape, std::size_t json_bytes);
  // Where the key stands in this batch. REQUIRES a valid key.
  [[nodiscard]] std::uint16_t key_index(std::string_view key);
  // A shape for entries of this batch to have: its index.
  [[nodiscard]] std::uint16_t add_shape(std::string_view written);
  // Counts batches, from 1; a shape belongs to one.
  [[nodiscard]] std::uint32_t round() const { return round_; }

  // How far the batch has come, to go back to.
  struct Mark {
    std::size_t keys = 0;
    std::size_t bytes = 0;
    std::size_t entries = 0;
    std::size_t shapes = 0;
    std::size_t shape_bytes = 0;
    std::size_t json_bytes = 0;
  };
  [[nodiscard]] Mark mark() const {
    return {keys_.size(), bytes_, entries_.size(), shapes_.size(), shape_text_.size(), json_bytes_};
  }
  void rewind(const Mark& mark);

  // The batch at hand is of events of the past, sent again.
  void mark_replayed() { replayed_ = true; }

  [[nodiscard]] bool empty() const { return entries_.empty(); }
  [[nodiscard]] bool full() const {
    return bytes() >= bytes_full_ || entries_.size() >= kEventsPerBatchMax / 2 ||
           shapes_.size() >= kShapesPerBatchMax / 2 || json_bytes_ >= kJsonPerByte * bytes_full_;
  }
  [[nodiscard]] std::size_t bytes() const { return bytes_ + shape_text_.size(); }

  // The batch so far, and begins anew. REQUIRES !empty(). Cost: one copy of the bytes.
  [[nodiscard]] std::unique_ptr<Batch> finish();

 private:
  // Routing keys seen in this batch, found by hash: a slot holds its index and the round it is
  // from, so that starting a new batch costs nothing.
  struct KeySlot {
    std::uint32_t round = 0;
    std::uint16_t key = 0;
  };
  static constexpr std::size_t kSlots = 2 * kEventsPerBatchMax;
  [[nodiscard]] std::string_view key_text(std::size_t index) const {
    return std::string_view(key_text_).substr(keys_[index].first, keys_[index].second);
  }
  void drop_last_key();

  static constexpr std::size_t kJsonPerByte = 4;

  std::size_t bytes_full_;
  FrameLimits limits_;
  Slab text_;
  std::size_t bytes_ = 0;
  std::size_t json_bytes_ = 0;
  std::vector<EventEntry> entries_;
  std::string key_text_;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> keys_;  // offset and length in key_text_
  std::vector<KeySlot> slots_{kSlots};
  std::string shape_text_;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> shapes_;  // likewise in shape_text_
  std::uint32_t round_ = 1;
  std::uint16_t last_key_ = 0;
  bool replayed_ = false;
};

}  // namespace xylem
