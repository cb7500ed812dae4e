#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "relay/base/limits.h"
#include "relay/event/batch.h"

namespace xylem {

// Collects events, in order, into one batch. A text is placed once, and any number of events may
// point into it: a list of 24 is copied as the one text it came as. One owner thread.
//
//   char* place = builder.place(text.size());   memcpy the text there, look at it, then either
//   builder.add(key, offset, length, stamp);    for each of its events, and keep(size), or
//   nothing at all                              and the place is used again
class BatchBuilder {
 public:
  // A batch is full at `bytes_full` of bodies or half of kEventsPerBatchMax events; one more text
  // of up to `text_bytes_max` always fits behind that.
  BatchBuilder(std::size_t bytes_full, std::size_t text_bytes_max);

  // Room for `bytes`, with Slab::kSlack readable bytes behind. REQUIRES bytes <= text_bytes_max and
  // !full().
  [[nodiscard]] char* place(std::size_t bytes);
  // An event whose body is `length` bytes at `offset` of the text placed last. REQUIRES a valid
  // key.
  void add(std::string_view key, std::uint32_t offset, std::uint32_t length,
           std::int64_t timestamp_us);
  // The text placed last stays; its events, if any, point into it.
  void keep(std::size_t bytes) { bytes_ += bytes; }

  [[nodiscard]] bool empty() const { return entries_.empty(); }
  [[nodiscard]] bool full() const {
    return bytes_ >= bytes_full_ || entries_.size() >= kEventsPerBatchMax / 2;
  }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

  // The batch so far, and begins anew. REQUIRES !empty(). Cost: one copy of the bytes.
  [[nodiscard]] std::unique_ptr<Batch> finish();

 private:
  // Routing keys seen in this batch, found by hash: a slot holds index + 1 and the round it is
  // from, so that starting a new batch costs nothing.
  struct Slot {
    std::uint32_t round = 0;
    std::uint16_t key = 0;
  };
  static constexpr std::size_t kSlots = 2 * kEventsPerBatchMax;

  std::uint16_t key_index(std::string_view key);

  std::size_t bytes_full_;
  std::size_t text_bytes_max_;
  Slab text_;
  std::size_t bytes_ = 0;
  std::vector<EventEntry> entries_;
  std::string key_text_;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> keys_;  // offset and length in key_text_
  std::vector<Slot> slots_{kSlots};
  std::uint32_t round_ = 1;
  std::uint16_t last_key_ = 0;
};

}  // namespace xylem
