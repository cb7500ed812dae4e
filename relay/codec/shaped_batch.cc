#include "relay/codec/shaped_batch.h"

#include <bit>
#include <cstring>

#include "relay/codec/batch_codec.h"
#include "relay/codec/json_token.h"
#include "relay/codec/shaped_body.h"
#include "relay/event/routing_key.h"

namespace xylem {
namespace {

// The last event of one shape: where its text lies in what has been expanded so far.
struct LastOfShape {
  EmptyShape empty;
  bool seen = false;
  std::size_t at = 0;
  std::size_t size = 0;
};

// Bodies as JSON, one behind the other, in memory that grows.
class Expansion {
 public:
  explicit Expansion(const Batch& batch) : batch_(batch) {
    bytes_.resize(batch.bodies().size() * 3 + 4096);
  }

  bool run() {
    for (const BatchShape& shape : batch_.shapes()) {
      auto empty = read_shape(shape.text);
      if (!empty) return false;
      empty->text.resize(empty->text.size() + kCopySlack);
      last_.push_back({std::move(*empty)});
      last_.back().size = last_.back().empty.text.size() - kCopySlack;
    }
    entries_.assign(batch_.entries().begin(), batch_.entries().end());
    for (EventEntry& entry : entries_) {
      const std::size_t begin = used_;
      const std::string_view body = batch_.body_of(entry);
      if (entry.shape == 0) {
        reserve(body.size());
        copy(body.data(), body.size());
      } else if (!add(last_[entry.shape - 1U], body)) {
        return false;
      }
      entry.offset = static_cast<std::uint32_t>(begin);
      entry.length = static_cast<std::uint32_t>(used_ - begin);
      entry.shape = 0;
    }
    return true;
  }

  std::unique_ptr<Batch> finish() const {
    std::vector<std::string_view> keys;
    for (const BatchKey& key : batch_.keys()) keys.push_back(key.text);
    auto made = write_batch({keys, entries_, {bytes_.data(), used_}});
    made->stamp(batch_.epoch(), batch_.first_sequence(), batch_.received_us());
    return made;
  }

 private:
  static constexpr std::size_t kCopySlack = 32;

  // Room for so many bytes behind what is used.
  void reserve(std::size_t bytes) {
    if (used_ + bytes + kCopySlack > bytes_.size()) bytes_.resize(2 * (used_ + bytes + kCopySlack));
  }
  // REQUIRES room, and kCopySlack readable bytes behind a short text.
  void copy(const char* from, std::size_t size) {
    std::memcpy(bytes_.data() + used_, from, size);
    used_ += size;
  }

  bool add(LastOfShape& last, std::string_view body) {
    ReadBody read;
    if (!read_shaped_body(body, read)) return false;
    Slots& slots = last.empty.slots;
    if ((read.changed & ~slots.all()) != 0) return false;
    if (!last.seen && read.changed != slots.all()) return false;
    reserve(last.size + body.size());
    const std::size_t begin = used_;
    const char* value = read.values;
    const std::uint16_t* length = read.lengths.data();
    // What lies between two changed values is copied from the text before, in one piece.
    std::size_t at = 0;
    const char* old = last.seen ? bytes_.data() + last.at : last.empty.text.data();
    for (std::uint32_t left = read.changed; left != 0; left &= left - 1) {
      const Slot& slot = slots[static_cast<std::size_t>(std::countr_zero(left))];
      copy(old + at, slot.begin - at);
      copy(value, *length);
      value += *length++;
      at = std::size_t{slot.begin} + slot.length;
    }
    copy(old + at, last.size - at);
    if (used_ - begin > kShapedBytesMax) return false;
    slots.resize(read.changed, read.lengths.data());
    last.seen = true;
    last.at = begin;
    last.size = used_ - begin;
    return true;
  }

  const Batch& batch_;
  std::vector<EventEntry> entries_;
  std::vector<LastOfShape> last_;
  std::string bytes_;
  std::size_t used_ = 0;
};

bool are_values_of(const Slots& slots, const ReadBody& read) {
  const char* value = read.values;
  const std::uint16_t* length = read.lengths.data();
  for (std::uint32_t left = read.changed; left != 0; left &= left - 1, ++length) {
    const Slot& slot = slots[static_cast<std::size_t>(std::countr_zero(left))];
    const char* end = value + *length;
    const bool right = slot.kind == SlotKind::string ? is_json_string_inside({value, *length})
                                                     : end_of_json_scalar(value, end) == end;
    if (!right) return false;
    value = end;
  }
  return true;
}

// A slot must take the whole of a scalar that is neither a name nor the event's type. `all` are the
// slots of the text that fill_shape() has made of the shape.
bool are_among(const Slots& slots, const Slots& all) {
  std::size_t at = 0;
  std::size_t zeros = 0;  // the values that fill_shape() has put before
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const std::size_t length = slots[i].kind == SlotKind::scalar ? 1 : 0;
    const std::size_t begin = slots[i].begin + zeros;
    while (at < all.size() && all[at].begin < begin) ++at;
    if (at == all.size() || all[at].begin != begin || all[at].length != length ||
        all[at].kind != slots[i].kind) {
      return false;
    }
    zeros += length;
  }
  return true;
}

}  // namespace

std::unique_ptr<Batch> expand(const Batch& batch) {
  Expansion expansion(batch);
  return expansion.run() ? expansion.finish() : nullptr;
}

const ShapeCheck::Right* ShapeCheck::look_up(std::string_view written) {
  const std::string text(written);
  if (const auto known = right_.find(text); known != right_.end()) return known->second.get();
  const auto empty = read_shape(written);
  if (!empty) return nullptr;
  std::string sample = fill_shape(written);
  const std::size_t sample_bytes = sample.size();
  sample.resize(sample_bytes + Slab::kSlack);
  const auto scan = json_.scan({sample.data(), sample_bytes});
  // Spaces around the event would be part of its body.
  if (!scan || (*scan)->is_list || (*scan)->events.size() != 1 ||
      (*scan)->events[0].length != sample_bytes || !(*scan)->events[0].accepted) {
    return nullptr;
  }
  const auto outline = outline_of({sample.data(), sample_bytes});
  if (!outline || !are_among(empty->slots, outline->slots)) return nullptr;
  auto right = std::make_unique<Right>();
  right->slots = empty->slots;
  right->bytes = empty->text.size();
  right->key = key_of_type((*scan)->events[0].type);
  if (!is_routing_key(right->key)) return nullptr;
  if (right_.size() == kRightMax) right_.clear();
  return (right_[text] = std::move(right)).get();
}

std::optional<Refusal> ShapeCheck::refusal_of(const Batch& batch) {
  if (batch.shapes().size() + right_.size() > kRightMax) right_.clear();
  struct InBatch {
    const Right* right = nullptr;
    bool seen = false;
    std::array<std::uint16_t, kSlotsMax> lengths{};
    std::size_t bytes = 0;
  };
  std::vector<InBatch> shapes(batch.shapes().size());
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    const BatchShape& shape = batch.shapes()[i];
    shapes[i].right = look_up(shape.text);
    if (shapes[i].right == nullptr || shapes[i].right->key != batch.keys()[shape.key].text)
      return Refusal::malformed_batch;
    shapes[i].bytes = shapes[i].right->bytes;
  }
  ReadBody read;
  std::size_t json_bytes = 0;
  for (const EventEntry& entry : batch.entries()) {
    if (entry.shape == 0) continue;
    InBatch& shape = shapes[entry.shape - 1U];
    const Slots& slots = shape.right->slots;
    if (entry.key != batch.shapes()[entry.shape - 1U].key ||
        !read_shaped_body(batch.body_of(entry), read) || (read.changed & ~slots.all()) != 0 ||
        (!shape.seen && read.changed != slots.all()) || !are_values_of(slots, read)) {
      return Refusal::malformed_batch;
    }
    shape.seen = true;
    const std::uint16_t* length = read.lengths.data();
    for (std::uint32_t left = read.changed; left != 0; left &= left - 1, ++length) {
      auto& old = shape.lengths[static_cast<std::size_t>(std::countr_zero(left))];
      shape.bytes = shape.bytes - old + *length;
      old = *length;
    }
    if (shape.bytes > kShapedBytesMax) return Refusal::malformed_batch;
    json_bytes += shape.bytes;
    if (json_bytes > kJsonPerByteMax * limits_.message_bytes_max) return Refusal::message_too_large;
    if (shape.bytes > limits_.event_bytes_max) return Refusal::event_too_large;
  }
  return std::nullopt;
}

}  // namespace xylem
