#include "relay/codec/batch_builder.h"

#include <functional>

#include "relay/base/check.h"
#include "relay/codec/batch_codec.h"
#include "relay/codec/shaped_body.h"

namespace xylem {
namespace {
// Its entry, its key, and of a shape that is new the slots and what its body says of their lengths.
constexpr std::size_t kBytesBesideAnEvent = sizeof(EventEntry) + kFrameBytesPerText +
                                            kRoutingKeyBytesMax + kFrameBytesPerText + kSlotsMax +
                                            shaped_body_bytes_max(0);
static_assert(frame_bytes_at_most({}) + kBytesBesideAnEvent <= kFrameBytesBesideAnEvent);

std::size_t first_slot(std::string_view key, std::size_t slots) {
  return std::hash<std::string_view>{}(key) % slots;
}
}  // namespace

BatchBuilder::BatchBuilder(std::size_t bytes_full, const FrameLimits& limits)
    : bytes_full_(bytes_full), limits_(limits), text_(limits.bytes_max) {
  entries_.reserve(kEventsPerBatchMax);
}

bool BatchBuilder::has_room(std::size_t event_bytes, const FrameLimits& limits) const {
  const FrameParts parts{keys_.size() + shapes_.size(), key_text_.size() + shape_text_.size(),
                         entries_.size(), bytes_};
  return frame_bytes_at_most(parts) + kBytesBesideAnEvent + event_bytes <= limits.bytes_max &&
         entries_.size() < kEventsPerBatchMax && shapes_.size() < kShapesPerBatchMax &&
         json_bytes_ + event_bytes <= limits.json_bytes_max();
}

char* BatchBuilder::place(std::size_t bytes) {
  XYLEM_CHECK(bytes_ + bytes <= text_.size(), "a batch has room for a body");
  return reinterpret_cast<char*>(text_.begin()) + bytes_;
}

std::uint16_t BatchBuilder::key_index(std::string_view key) {
  // Events of one kind come in runs.
  if (last_key_ < keys_.size() && key_text(last_key_) == key) return last_key_;
  for (std::size_t at = first_slot(key, kSlots);; at = (at + 1) % kSlots) {
    KeySlot& slot = slots_[at];
    if (slot.round != round_) {
      const auto index = static_cast<std::uint16_t>(keys_.size());
      slot = {round_, index};
      keys_.emplace_back(static_cast<std::uint32_t>(key_text_.size()),
                         static_cast<std::uint32_t>(key.size()));
      key_text_ += key;
      return last_key_ = index;
    }
    if (key_text(slot.key) == key) return last_key_ = slot.key;
  }
}

// The last to come stands behind all that it met on its way, so its slot is in nobody's.
void BatchBuilder::drop_last_key() {
  const std::size_t index = keys_.size() - 1;
  std::size_t at = first_slot(key_text(index), kSlots);
  while (slots_[at].round != round_ || slots_[at].key != index) at = (at + 1) % kSlots;
  slots_[at].round = round_ - 1;
  key_text_.resize(keys_.back().first);
  keys_.pop_back();
}

void BatchBuilder::add_shaped(std::uint16_t key, std::size_t length, std::int64_t timestamp_us,
                              std::uint16_t shape, std::size_t json_bytes) {
  XYLEM_CHECK(entries_.size() < kEventsPerBatchMax, "a batch has room for an event");
  entries_.push_back({timestamp_us, static_cast<std::uint32_t>(bytes_),
                      static_cast<std::uint32_t>(length),
                      static_cast<std::uint32_t>(entries_.size()), key, shape});
  bytes_ += length;
  json_bytes_ += json_bytes;
}

std::uint16_t BatchBuilder::add_shape(std::string_view written) {
  XYLEM_CHECK(shapes_.size() < kShapesPerBatchMax, "a batch has room for a shape");
  shapes_.emplace_back(static_cast<std::uint32_t>(shape_text_.size()),
                       static_cast<std::uint32_t>(written.size()));
  shape_text_ += written;
  return static_cast<std::uint16_t>(shapes_.size() - 1);
}

void BatchBuilder::rewind(const Mark& mark) {
  while (keys_.size() > mark.keys) drop_last_key();
  bytes_ = mark.bytes;
  json_bytes_ = mark.json_bytes;
  entries_.resize(mark.entries);
  shapes_.resize(mark.shapes);
  shape_text_.resize(mark.shape_bytes);
}

namespace {
std::vector<std::string_view> views(
    std::string_view text, const std::vector<std::pair<std::uint32_t, std::uint32_t>>& places) {
  std::vector<std::string_view> views;
  views.reserve(places.size());
  for (const auto& [offset, length] : places) views.push_back(text.substr(offset, length));
  return views;
}
}  // namespace

std::unique_ptr<Batch> BatchBuilder::finish() {
  XYLEM_CHECK(!empty(), "an empty batch is not sent");
  const auto keys = views(key_text_, keys_);
  const auto shapes = views(shape_text_, shapes_);
  const std::string_view bodies(reinterpret_cast<const char*>(text_.begin()), bytes_);
  auto batch = write_batch({keys, entries_, bodies, shapes, replayed_});
  replayed_ = false;
  bytes_ = 0;
  json_bytes_ = 0;
  shapes_.clear();
  shape_text_.clear();
  entries_.clear();
  keys_.clear();
  key_text_.clear();
  if (++round_ == 0) {  // after 2^32 batches the old marks would look new
    slots_.assign(kSlots, KeySlot{});
    round_ = 1;
  }
  return batch;
}

}  // namespace xylem
