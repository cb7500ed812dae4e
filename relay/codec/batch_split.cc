#include "relay/codec/batch_split.h"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <string>

#include "relay/base/check.h"
#include "relay/codec/batch_codec.h"
#include "relay/codec/bytes16.h"
#include "relay/codec/shape.h"
#include "relay/codec/shaped_body.h"

namespace xylem {
namespace {

constexpr std::uint16_t kNone = UINT16_MAX;

// Whatever a batch of ours can become when some of its events are left out.
constexpr FrameLimits kNoLimit{std::numeric_limits<std::uint32_t>::max()};

// What the values of one shape are at the event that was read last, and which of them a reader of
// the part at hand does not know.
struct ShapeState {
  std::uint32_t all = 0;       // its slots, a bit for each
  std::size_t text_bytes = 0;  // without values
  std::array<const char*, kSlotsMax> values{};
  std::array<std::uint16_t, kSlotsMax> lengths{};
  std::uint32_t unknown = 0;

  [[nodiscard]] std::size_t json_bytes() const {
    std::size_t bytes = text_bytes;
    for (const std::uint16_t length : lengths) bytes += length;
    return bytes;
  }
  void read(std::string_view body) {
    ReadBody read;
    XYLEM_CHECK(read_shaped_body(body, read), "a body that was admitted");
    const char* value = read.values;
    const std::uint16_t* length = read.lengths.data();
    for (std::uint32_t left = read.changed; left != 0; left &= left - 1, ++length) {
      const auto slot = static_cast<std::size_t>(std::countr_zero(left));
      values[slot] = value;
      lengths[slot] = *length;
      value += *length;
    }
    unknown |= read.changed;
  }
};

std::vector<ShapeState> states_of(const Batch& batch) {
  std::vector<ShapeState> states;
  states.reserve(batch.shapes().size());
  for (const BatchShape& shape : batch.shapes()) {
    const auto empty = read_shape(shape.text);
    XYLEM_CHECK(empty.has_value(), "a shape that was admitted");
    states.push_back({.all = empty->slots.all(), .text_bytes = empty->text.size()});
  }
  return states;
}

class Splitter {
 public:
  Splitter(const Batch& batch, const FrameLimits& limits, Positions positions)
      : batch_(batch), limits_(limits), positions_(positions), shapes_(states_of(batch)) {
    begin_part();
  }

  Split run(const std::vector<bool>& wanted) {
    XYLEM_CHECK(wanted.size() == batch_.size(), "one wish per entry");
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      const EventEntry& entry = batch_.entries()[i];
      if (entry.shape != 0) shapes_[entry.shape - 1U].read(batch_.body_of(entry));
      if (wanted[i]) add(entry);
    }
    end_part();
    return std::move(split_);
  }

 private:
  void add(const EventEntry& entry) {
    if (!fits(entry)) {
      end_part();
      if (!fits(entry)) {
        ++split_.too_large;
        return;
      }
    }
    take_key(entry);
    const std::size_t begin = bodies_.size();
    if (entry.shape == 0) {
      bodies_.append(batch_.body_of(entry));
    } else {
      take_shape(entry);
      append_body(shapes_[entry.shape - 1U]);
    }
    json_bytes_ += json_bytes_of(entry);
    const auto position = positions_ == Positions::kept
                              ? entry.position
                              : static_cast<std::uint32_t>(entries_.size());
    entries_.push_back({entry.timestamp_us, static_cast<std::uint32_t>(begin),
                        static_cast<std::uint32_t>(bodies_.size() - begin), position,
                        key_renamed_[entry.key], shape_of(entry)});
  }

  [[nodiscard]] std::uint16_t shape_of(const EventEntry& entry) const {
    return entry.shape == 0 ? 0 : static_cast<std::uint16_t>(shape_renamed_[entry.shape - 1U] + 1);
  }
  [[nodiscard]] std::size_t json_bytes_of(const EventEntry& entry) const {
    return entry.shape == 0 ? entry.length : shapes_[entry.shape - 1U].json_bytes();
  }

  // Whether the part at hand has room for the event.
  [[nodiscard]] bool fits(const EventEntry& entry) const {
    FrameParts parts{keys_.size() + texts_.size(), text_bytes_, entries_.size() + 1,
                     bodies_.size()};
    const auto add_text = [&](std::string_view text) {
      ++parts.texts;
      parts.text_bytes += text.size();
    };
    if (key_renamed_[entry.key] == kNone) add_text(batch_.keys()[entry.key].text);
    if (entry.shape == 0) {
      parts.body_bytes += entry.length;
    } else {
      const ShapeState& shape = shapes_[entry.shape - 1U];
      if (shape_renamed_[entry.shape - 1U] == kNone) {
        add_text(batch_.shapes()[entry.shape - 1U].text);
      }
      parts.body_bytes += shaped_body_bytes_max(shape.json_bytes() - shape.text_bytes);
    }
    return frame_bytes_at_most(parts) <= limits_.bytes_max &&
           json_bytes_ + json_bytes_of(entry) <= limits_.json_bytes_max();
  }

  void take_key(const EventEntry& entry) {
    std::uint16_t& renamed = key_renamed_[entry.key];
    if (renamed != kNone) return;
    renamed = static_cast<std::uint16_t>(keys_.size());
    keys_.push_back(batch_.keys()[entry.key].text);
    text_bytes_ += keys_.back().size();
  }

  void take_shape(const EventEntry& entry) {
    std::uint16_t& renamed = shape_renamed_[entry.shape - 1U];
    if (renamed != kNone) return;
    renamed = static_cast<std::uint16_t>(texts_.size());
    texts_.push_back(batch_.shapes()[entry.shape - 1U].text);
    text_bytes_ += texts_.back().size();
    ShapeState& shape = shapes_[entry.shape - 1U];
    shape.unknown = shape.all;
  }

  // The slots that differ from the event of this shape before it, in this part.
  void append_body(ShapeState& shape) {
    std::array<const char*, kSlotsMax> values;
    std::array<std::uint16_t, kSlotsMax> lengths;
    std::size_t count = 0;
    std::size_t bytes = 0;
    for (std::uint32_t left = shape.unknown; left != 0; left &= left - 1, ++count) {
      const auto slot = static_cast<std::size_t>(std::countr_zero(left));
      values[count] = shape.values[slot];
      lengths[count] = shape.lengths[slot];
      bytes += lengths[count];
    }
    const std::size_t begin = bodies_.size();
    bodies_.resize(begin + shaped_body_bytes_max(bytes) + Slab::kSlack);
    const char* end =
        write_shaped_body({shape.unknown, values.data(), lengths.data()}, bodies_.data() + begin);
    bodies_.resize(static_cast<std::size_t>(end - bodies_.data()));
    shape.unknown = 0;
  }

  void begin_part() {
    key_renamed_.assign(batch_.keys().size(), kNone);
    shape_renamed_.assign(batch_.shapes().size(), kNone);
    keys_.clear();
    texts_.clear();
    entries_.clear();
    bodies_.clear();
    text_bytes_ = json_bytes_ = 0;
  }

  void end_part() {
    if (entries_.empty()) return;
    auto part = write_batch({keys_, entries_, bodies_, texts_, batch_.is_replayed()});
    part->stamp(batch_.epoch(), batch_.first_sequence(), batch_.received_us());
    split_.batches.push_back(std::move(part));
    begin_part();
  }

  const Batch& batch_;
  FrameLimits limits_;
  Positions positions_;
  std::vector<ShapeState> shapes_;
  Split split_;

  // The part at hand, and where the batch's keys and shapes are in it.
  std::vector<std::uint16_t> key_renamed_;
  std::vector<std::uint16_t> shape_renamed_;
  std::vector<std::string_view> keys_;
  std::vector<std::string_view> texts_;  // of shapes
  std::vector<EventEntry> entries_;
  std::string bodies_;
  std::size_t text_bytes_ = 0;
  std::size_t json_bytes_ = 0;
};

}  // namespace

Split split(const Batch& batch, const std::vector<bool>& wanted, const FrameLimits& limits,
            Positions positions) {
  return Splitter(batch, limits, positions).run(wanted);
}

bool fits(const Batch& batch, const FrameLimits& limits) {
  if (batch.frame().size() > limits.bytes_max) return false;
  auto states = states_of(batch);
  std::size_t json_bytes = 0;
  for (const EventEntry& entry : batch.entries()) {
    if (entry.shape == 0) {
      json_bytes += entry.length;
      continue;
    }
    ShapeState& shape = states[entry.shape - 1U];
    shape.read(batch.body_of(entry));
    json_bytes += shape.json_bytes();
  }
  return json_bytes <= limits.json_bytes_max();
}

std::unique_ptr<Batch> events_from(const Batch& batch, Sequence first) {
  std::vector<bool> wanted;
  wanted.reserve(batch.size());
  for (const EventEntry& entry : batch.entries()) {
    wanted.push_back(batch.sequence_of(entry) >= first);
  }
  auto rest = split(batch, wanted, kNoLimit, Positions::kept);
  return rest.batches.empty() ? nullptr : std::move(rest.batches.front());
}

}  // namespace xylem
