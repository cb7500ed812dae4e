#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "relay/codec/batch_builder.h"
#include "relay/codec/shape.h"

namespace xylem {

// Puts events into a batch by their shape: only what differs from the last event of the same shape
// is kept. A text that has the shape of an event seen before needs no other look to be JSON: what
// is the same was held against RFC 8259 then, and what differs is read here. One owner thread.
//
//   shaper.take(text, end) for each event of a message, then commit(), or rollback() if one of
//   them has no known shape; whoever then found out what it is may teach() it.
class Shaper {
 public:
  explicit Shaper(BatchBuilder& builder) : builder_(builder) {}

  struct Taken {
    const char* end;  // of the event, in the text
    std::string_view key;
  };
  // Takes the event that begins at `text`, if it has a known shape and the builder has room for it.
  // REQUIRES Slab::kSlack readable bytes behind `end`, and that the text stays until commit() or
  // rollback(). Cost: one comparison with an earlier event, and a look at each value that
  // differs; no allocation once warm.
  [[nodiscard]] const Taken* take(const char* text, const char* end);
  void commit();
  // The builder and all shapes are as before the first take().
  void rollback();

  // Learns the shape of an event. Says no to what has none, and now and then to bound the cost of
  // events that are all different. REQUIRES JSON held against RFC 8259, with exactly one `type`,
  // whose routing key is `key`; nothing taken and not committed.
  bool teach(std::string_view event, std::string_view key);

 private:
  struct Known {
    std::string key;
    std::string written;
    std::string text_kept;       // of the last committed event, with slack behind
    const char* text = nullptr;  // of the last event taken: text_kept, or in the message
    std::size_t size = 0;
    Slots slots;
    std::size_t timestamp = 0;  // slot, if has_timestamp
    bool has_timestamp = false;
    std::int64_t timestamp_us = 0;
    std::size_t successor = 0;  // the shape that came after this one last time
    std::uint32_t round = 0;    // the builder's, in which the batch has got this shape
    std::uint16_t index = 0;    // in that batch, and that of its key
    std::uint16_t key_index = 0;
  };
  // What an uncommitted event has changed.
  struct Before {
    Known* known;
    Slots slots;
    std::size_t size;
    std::int64_t timestamp_us;
    std::uint32_t round;
  };
  struct Difference {
    std::uint32_t changed = 0;
    std::size_t count = 0;
    std::array<const char*, kSlotsMax> values;
    std::array<std::uint16_t, kSlotsMax> lengths;
    const char* end = nullptr;
  };

  [[nodiscard]] bool compare(const Known& known, const char* text, const char* end);
  void put(Known& known, const char* text);
  void keep_before(Known& known);

  static constexpr std::size_t kKnownMax = 256;
  static constexpr std::size_t kTriesMax = 24;
  static constexpr int kLessonPrice = 64;  // events per lesson, once the first are spent
  static constexpr int kLessonsSaved = 256;

  BatchBuilder& builder_;
  BatchBuilder::Mark mark_{};
  bool open_ = false;
  std::vector<std::unique_ptr<Known>> known_;
  std::vector<std::uint16_t> recent_;  // indices into known_, the latest first
  std::size_t last_ = 0;
  std::size_t last_before_ = 0;
  int credit_ = kLessonPrice * kLessonsSaved;
  std::vector<Before> before_;
  Difference difference_;
  Taken taken_{};
};

}  // namespace xylem
