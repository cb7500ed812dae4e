#include "relay/codec/shaper.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "relay/base/check.h"
#include "relay/codec/bytes16.h"
#include "relay/codec/json_token.h"
#include "relay/codec/shaped_body.h"
#include "relay/event/batch.h"

namespace xylem {

const Shaper::Taken* Shaper::take(const char* text, const char* end) {
  if (!open_) {
    open_ = true;
    mark_ = builder_.mark();
    last_before_ = last_;
  }
  if (known_.empty()) return nullptr;
  // What followed the last shape last time will mostly follow it again.
  std::size_t found = known_[last_]->successor;
  if (!compare(*known_[found], text, end)) {
    const std::size_t tries = std::min(recent_.size(), kTriesMax);
    std::size_t rank = 0;
    while (rank < tries && !compare(*known_[recent_[rank]], text, end)) ++rank;
    if (rank == tries) return nullptr;
    found = recent_[rank];
    std::rotate(recent_.begin(), recent_.begin() + static_cast<std::ptrdiff_t>(rank),
                recent_.begin() + static_cast<std::ptrdiff_t>(rank) + 1);
    known_[last_]->successor = found;
  }
  if (!builder_.has_room(static_cast<std::size_t>(difference_.end - text))) return nullptr;
  last_ = found;
  put(*known_[found], text);
  return &taken_;
}

// Walks the text along the last one of this shape. They must be the same but in slots.
bool Shaper::compare(const Known& known, const char* text, const char* end) {
  Difference& difference = difference_;
  difference.changed = 0;
  difference.count = 0;
  const char* old = known.text;
  const char* const old_end = known.text + known.size;
  std::size_t slot = 0;
  for (const char* at = text;;) {
    const auto left = static_cast<std::size_t>(old_end - old);
    const auto there = static_cast<std::size_t>(end - at);
    const std::size_t same = same_bytes(at, old, std::min(left, there));
    if (same == left) {
      difference.end = at + left;
      return static_cast<std::size_t>(difference.end - text) <= kShapedBytesMax;
    }
    // A value that goes on where the old one ended belongs to the slot as well.
    const auto differs = static_cast<std::size_t>(old - known.text) + same;
    while (slot < known.slots.size() &&
           std::size_t{known.slots[slot].begin} + known.slots[slot].length < differs) {
      ++slot;
    }
    if (slot == known.slots.size() || known.slots[slot].begin > differs) return false;
    const Slot& where = known.slots[slot];
    const char* value = at + (known.text + where.begin - old);
    const char* behind = where.kind == SlotKind::string ? end_of_json_string(value, end)
                                                        : end_of_json_scalar(value, end);
    if (behind == nullptr || behind - value > static_cast<std::ptrdiff_t>(kShapedBytesMax)) {
      return false;
    }
    difference.changed |= 1U << slot;
    difference.values[difference.count] = value;
    difference.lengths[difference.count] = static_cast<std::uint16_t>(behind - value);
    ++difference.count;
    at = behind;
    old = known.text + where.begin + where.length;
    ++slot;
  }
}

// The event that compare() has just found to have this shape.
void Shaper::put(Known& known, const char* text) {
  keep_before(known);
  Difference& difference = difference_;
  const bool first = known.round != builder_.round();
  known.slots.resize(difference.changed, difference.lengths.data());
  known.text = text;
  known.size = static_cast<std::size_t>(difference.end - text);
  const bool new_time = known.has_timestamp && (difference.changed >> known.timestamp & 1) != 0;
  if (new_time) {
    const Slot& slot = known.slots[known.timestamp];
    known.timestamp_us = microseconds_of({text + slot.begin, slot.length});
  }
  if (first) {
    known.round = builder_.round();
    known.index = builder_.add_shape(known.written);
    known.key_index = builder_.key_index(known.key);
    difference.changed = known.slots.all();
    difference.count = known.slots.size();
    for (std::size_t i = 0; i < difference.count; ++i) {
      difference.values[i] = text + known.slots[i].begin;
      difference.lengths[i] = known.slots[i].length;
    }
  }
  char* place = builder_.place(shaped_body_bytes_max(known.size));
  const char* behind = write_shaped_body(
      {difference.changed, difference.values.data(), difference.lengths.data()}, place);
  builder_.add_shaped(known.key_index, static_cast<std::size_t>(behind - place), known.timestamp_us,
                      static_cast<std::uint16_t>(known.index + 1), known.size);
  taken_ = {difference.end, known.key};
}

void Shaper::keep_before(Known& known) {
  const bool kept = std::any_of(before_.begin(), before_.end(),
                                [&](const Before& before) { return before.known == &known; });
  if (kept) return;
  before_.push_back({&known, known.slots, known.size, known.timestamp_us, known.round});
}

void Shaper::commit() {
  for (const Before& before : before_) {
    Known& known = *before.known;
    if (known.text_kept.size() < known.size + Slab::kSlack) {
      known.text_kept.resize(2 * known.size + Slab::kSlack);
    }
    std::memcpy(known.text_kept.data(), known.text, known.size);
    known.text = known.text_kept.data();
  }
  credit_ = std::min(credit_ + 1, kLessonPrice * kLessonsSaved);
  before_.clear();
  open_ = false;
}

void Shaper::rollback() {
  for (const Before& before : before_) {
    Known& known = *before.known;
    known.text = known.text_kept.data();
    known.slots = before.slots;
    known.size = before.size;
    known.timestamp_us = before.timestamp_us;
    known.round = before.round;
  }
  before_.clear();
  if (open_) {
    builder_.rewind(mark_);
    last_ = last_before_;
  }
  open_ = false;
}

bool Shaper::teach(std::string_view event, std::string_view key) {
  XYLEM_CHECK(before_.empty(), "lessons come between messages");
  if (credit_ < kLessonPrice) {
    ++credit_;
    return false;
  }
  credit_ -= kLessonPrice;
  const auto outline = outline_of(event);
  if (!outline) return false;
  if (known_.size() == kKnownMax) {
    known_.clear();
    recent_.clear();
  }
  auto known = std::make_unique<Known>();
  known->key = key;
  known->written = write_shape(event, outline->slots);
  known->text_kept.assign(event);
  known->text_kept.resize(event.size() + Slab::kSlack);
  known->text = known->text_kept.data();
  known->size = event.size();
  known->slots = outline->slots;
  known->has_timestamp = outline->timestamp.has_value();
  if (outline->timestamp) {
    known->timestamp = *outline->timestamp;
    const Slot& slot = known->slots[known->timestamp];
    known->timestamp_us = microseconds_of(event.substr(slot.begin, slot.length));
  }
  last_ = known_.size();
  known->successor = last_;
  recent_.insert(recent_.begin(), static_cast<std::uint16_t>(last_));
  known_.push_back(std::move(known));
  return true;
}

}  // namespace xylem
