#include "relay/codec/shaped_batch.h"

#include <bit>
#include <cstring>

#include "relay/codec/batch_codec.h"
#include "relay/codec/bytes16.h"
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

// Makes the expanded batch in one slab: the stamp, the entries, the JSON one behind the other.
class Expansion {
 public:
  explicit Expansion(const Batch& batch)
      : batch_(batch),
        json_at_(kStampBytes + batch.size() * sizeof(EventEntry)),
        slab_(json_at_ + batch.bodies().size() * 3 + 4096) {
    const Place stamp[] = {batch.epoch().value, batch.first_sequence().value,
                           static_cast<std::uint64_t>(batch.received_us())};
    std::memcpy(slab_.begin(), stamp, sizeof stamp);
    std::copy_n(batch.entries().begin(), batch.size(), entries());
  }

  bool run() {
    for (const BatchShape& shape : batch_.shapes()) {
      auto empty = read_shape(shape.text);
      if (!empty) return false;
      const std::size_t size = empty->text.size();
      empty->text.resize(size + Slab::kSlack);
      last_.push_back({.empty = std::move(*empty), .size = size});
    }
    for (std::size_t i = 0; i < batch_.size(); ++i) {
      const EventEntry entry = batch_.entries()[i];
      const std::size_t begin = used_;
      const std::string_view body = batch_.body_of(entry);
      if (entry.shape == 0) {
        reserve(body.size());
        copy(body.data(), body.size());
      } else if (!add(last_[entry.shape - 1U], body)) {
        return false;
      }
      entries()[i].offset = static_cast<std::uint32_t>(begin);
      entries()[i].length = static_cast<std::uint32_t>(used_ - begin);
      entries()[i].shape = 0;
    }
    return true;
  }

  std::unique_ptr<Batch> finish() {
    Batch::Parts parts{};
    parts.entries = {entries(), batch_.size()};
    parts.keys.assign(batch_.keys().begin(), batch_.keys().end());
    parts.replayed = batch_.is_replayed();
    std::size_t key_bytes = 0;
    for (const BatchKey& key : parts.keys) key_bytes += key.text.size();
    reserve(key_bytes);
    parts.entries = {entries(), batch_.size()};
    parts.bodies = {json(), used_};
    char* place = json() + used_;
    for (BatchKey& key : parts.keys) {
      std::memcpy(place, key.text.data(), key.text.size());
      key.text = {place, key.text.size()};
      place += key.text.size();
    }
    auto* stamp = reinterpret_cast<Place*>(slab_.begin());
    parts.epoch = stamp;
    parts.first_sequence = stamp + 1;
    parts.received_us = reinterpret_cast<std::int64_t*>(stamp + 2);
    parts.slab = std::move(slab_);
    return std::make_unique<Batch>(std::move(parts));
  }

 private:
  using Place = std::uint64_t;
  static constexpr std::size_t kStampBytes = 32;

  [[nodiscard]] EventEntry* entries() {
    return reinterpret_cast<EventEntry*>(slab_.begin() + kStampBytes);
  }
  [[nodiscard]] char* json() { return reinterpret_cast<char*>(slab_.begin()) + json_at_; }

  // Room for so many bytes behind what is used.
  void reserve(std::size_t bytes) {
    const std::size_t needed = json_at_ + used_ + bytes;
    if (needed <= slab_.size()) return;
    Slab larger(2 * needed);
    std::memcpy(larger.begin(), slab_.begin(), json_at_ + used_);
    slab_ = std::move(larger);
  }
  // REQUIRES room, and Slab::kSlack readable bytes behind.
  void copy(const char* from, std::size_t size) {
    copy_with_slack(json() + used_, from, size);
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
    const char* old = last.seen ? json() + last.at : last.empty.text.data();
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
  std::size_t json_at_;
  Slab slab_;
  std::size_t used_ = 0;  // of the JSON
  std::vector<LastOfShape> last_;
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
  if (!expansion.run()) return nullptr;
  auto expanded = expansion.finish();
  expanded->set_origin(batch.origin());
  return expanded;
}

std::unique_ptr<Batch> expand_frame(const Batch& batch) {
  const auto expanded = expand(batch);
  if (!expanded) return nullptr;
  std::vector<std::string_view> keys;
  for (const BatchKey& key : expanded->keys()) keys.push_back(key.text);
  auto made =
      write_batch({keys, expanded->entries(), expanded->bodies(), {}, expanded->is_replayed()});
  made->stamp(batch.epoch(), batch.first_sequence(), batch.received_us());
  return made;
}

const ShapeCheck::Right* ShapeCheck::look_up(std::string_view written) {
  if (const auto known = right_.find(written); known != right_.end()) return known->second.get();
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
  return (right_[std::string(written)] = std::move(right)).get();
}

std::optional<Refusal> ShapeCheck::refusal_of(const Batch& batch) {
  too_large_.clear();
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
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const EventEntry& entry = batch.entries()[i];
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
    if (json_bytes > limits_.frame().json_bytes_max()) return Refusal::message_too_large;
    if (shape.bytes > limits_.event_bytes_max) too_large_.push_back({i, shape.bytes});
  }
  return std::nullopt;
}

}  // namespace xylem
