#include "relay/codec/batch_codec.h"

#include <algorithm>
#include <cstring>

#include "relay/base/check.h"
#include "relay/codec/shape.h"
#include "schema/batch_generated.h"

namespace xylem {
namespace {

static_assert(sizeof(EventEntry) == sizeof(wire::Entry) &&
              alignof(EventEntry) == alignof(wire::Entry));
static_assert(offsetof(EventEntry, offset) == 8 && offsetof(EventEntry, key) == 20,
              "EventEntry is read where wire::Entry was received");

constexpr flatbuffers::uoffset_t kDepthMax = 4;
constexpr flatbuffers::uoffset_t kTablesMax = 4;

// Hands a slab to a FlatBufferBuilder, once: the size was computed to be enough.
class SlabAllocator final : public flatbuffers::Allocator {
 public:
  explicit SlabAllocator(std::size_t bytes) : slab_(bytes) {}
  std::uint8_t* allocate(std::size_t size) override {
    XYLEM_CHECK(size <= slab_.size() && !used_, "a frame fits the slab it was measured for");
    used_ = true;
    return reinterpret_cast<std::uint8_t*>(slab_.begin());
  }
  void deallocate(std::uint8_t*, std::size_t) override {}
  Slab take() { return std::move(slab_); }

 private:
  Slab slab_;
  bool used_ = false;
};

// Bytes that a frame's parts take, and those that nothing else may share: a hostile frame can
// overlap them so that a stamp, set in place, would rewrite what was checked.
struct ByteRange {
  const void* begin;
  std::size_t size;
  [[nodiscard]] bool overlaps(const ByteRange& other) const {
    const auto a = reinterpret_cast<std::uintptr_t>(begin);
    const auto b = reinterpret_cast<std::uintptr_t>(other.begin);
    return a < b + other.size && b < a + size;
  }
};

using Strings = flatbuffers::Vector<flatbuffers::Offset<flatbuffers::String>>;

ByteRange vector_of(const Strings* strings) {
  return {strings, strings == nullptr ? 0 : 4 + std::size_t{strings->size()} * 4};
}

bool overlaps_any(const ByteRange& stamp, const Strings* strings) {
  if (strings == nullptr) return false;
  for (const flatbuffers::String* text : *strings) {
    // With the zero byte behind it, which the readers of the stamped frame insist on.
    if (stamp.overlaps({text, 4 + std::size_t{text->size()} + 1})) return true;
  }
  return false;
}

bool stamps_stand_alone(const wire::Batch& table, const std::uint8_t* frame) {
  // Generated tables hide their base; the root read as a plain one shows where fields lie.
  const auto* root = flatbuffers::GetRoot<flatbuffers::Table>(frame);
  const std::uint8_t* vtable = root->GetVTable();
  const auto field = [&](flatbuffers::voffset_t at, std::size_t size) {
    return ByteRange{root->GetAddressOf(at), size};
  };
  const ByteRange stamps[] = {field(wire::Batch::VT_EPOCH, 8),
                              field(wire::Batch::VT_FIRST_SEQUENCE, 8),
                              field(wire::Batch::VT_RECEIVED_US, 8)};
  const ByteRange others[] = {{frame, 8},  // root offset, identifier
                              {vtable, flatbuffers::ReadScalar<flatbuffers::voffset_t>(vtable)},
                              {root, sizeof(flatbuffers::soffset_t)},
                              field(wire::Batch::VT_ENCODING, 1),
                              field(wire::Batch::VT_KEYS, 4),
                              field(wire::Batch::VT_ENTRIES, 4),
                              field(wire::Batch::VT_BODIES, 4),
                              field(wire::Batch::VT_SHAPES, 4),
                              field(wire::Batch::VT_REPLAYED, 1),
                              {table.entries(), 4 + table.entries()->size() * sizeof(wire::Entry)},
                              {table.bodies(), 4 + std::size_t{table.bodies()->size()}},
                              vector_of(table.keys()),
                              vector_of(table.shapes())};
  for (const ByteRange& stamp : stamps) {
    if (stamp.begin == nullptr || reinterpret_cast<std::uintptr_t>(stamp.begin) % 8 != 0)
      return false;
    for (const ByteRange& other : stamps) {
      if (&stamp != &other && stamp.overlaps(other)) return false;
    }
    for (const ByteRange& other : others) {
      if (other.begin != nullptr && stamp.overlaps(other)) return false;
    }
    if (overlaps_any(stamp, table.keys()) || overlaps_any(stamp, table.shapes())) return false;
  }
  return true;
}

// REQUIRES a frame that is safe to read; the views of its Batch.
std::unique_ptr<Batch> view_of(Slab slab, std::span<std::byte> frame) {
  auto* table = flatbuffers::GetMutableRoot<wire::Batch>(frame.data());
  Batch::Parts parts{};
  parts.frame = frame;
  const auto* entries = table->entries();
  parts.entries = {reinterpret_cast<const EventEntry*>(entries->Data()), entries->size()};
  parts.keys.reserve(table->keys()->size());
  for (const flatbuffers::String* key : *table->keys())
    parts.keys.push_back({{key->c_str(), key->size()}, 0});
  if (table->shapes() != nullptr) {
    for (const flatbuffers::String* shape : *table->shapes())
      parts.shapes.push_back({{shape->c_str(), shape->size()}, 0});
  }
  for (const EventEntry& entry : parts.entries) {
    ++parts.keys[entry.key].events;
    if (entry.shape != 0) parts.shapes[entry.shape - 1U].key = entry.key;
  }
  parts.replayed = table->replayed();
  parts.bodies = {reinterpret_cast<const char*>(table->bodies()->data()), table->bodies()->size()};
  auto* root = flatbuffers::GetMutableRoot<flatbuffers::Table>(frame.data());
  const auto stamp_at = [&](flatbuffers::voffset_t field) { return root->GetAddressOf(field); };
  parts.epoch = reinterpret_cast<std::uint64_t*>(stamp_at(wire::Batch::VT_EPOCH));
  parts.first_sequence = reinterpret_cast<std::uint64_t*>(stamp_at(wire::Batch::VT_FIRST_SEQUENCE));
  parts.received_us = reinterpret_cast<std::int64_t*>(stamp_at(wire::Batch::VT_RECEIVED_US));
  parts.slab = std::move(slab);
  return std::make_unique<Batch>(std::move(parts));
}

// FlatBuffers lets many strings lie in one place; a batch made anew of such a frame would be larger
// than it many times over.
bool parts_stand_apart(const wire::Batch& table, std::size_t frame_bytes) {
  std::size_t bytes = table.entries()->size() * sizeof(wire::Entry) + table.bodies()->size();
  for (const Strings* texts : {table.keys(), table.shapes()}) {
    if (texts == nullptr) continue;
    for (const flatbuffers::String* text : *texts) bytes += 4 + 4 + text->size() + 1;
  }
  return bytes <= frame_bytes;
}

tl::expected<void, Refusal> check_meaning(const wire::Batch& table, std::size_t frame_bytes) {
  const auto refuse = [](Refusal why) { return tl::unexpected<Refusal>(why); };
  if (table.encoding() > wire::Encoding::shaped) return refuse(Refusal::malformed_batch);
  const std::size_t shapes = table.shapes() == nullptr ? 0 : table.shapes()->size();
  if ((shapes != 0) != (table.encoding() == wire::Encoding::shaped) || shapes > kShapesPerBatchMax)
    return refuse(Refusal::malformed_batch);
  if (table.entries()->size() > kEventsPerBatchMax) return refuse(Refusal::too_many_events);
  if (table.keys()->size() > kEventsPerBatchMax) return refuse(Refusal::malformed_batch);
  if (table.entries()->size() != 0 &&
      reinterpret_cast<std::uintptr_t>(table.entries()->Data()) % alignof(EventEntry) != 0) {
    return refuse(Refusal::malformed_batch);
  }
  if (!parts_stand_apart(table, frame_bytes)) return refuse(Refusal::malformed_batch);
  std::uint64_t end = 0;
  std::int64_t last_position = -1;
  std::vector<bool> shape_used(shapes);
  for (const wire::Entry* entry : *table.entries()) {
    if (entry->key() >= table.keys()->size() || entry->offset() < end ||
        entry->position() <= last_position || entry->shape() > shapes) {
      return refuse(Refusal::malformed_batch);
    }
    end = std::uint64_t{entry->offset()} + entry->length();
    if (end > table.bodies()->size()) return refuse(Refusal::malformed_batch);
    last_position = entry->position();
    if (entry->shape() != 0) shape_used[entry->shape() - 1U] = true;
  }
  // A shape has the key of its events; without one it has none.
  if (std::find(shape_used.begin(), shape_used.end(), false) != shape_used.end()) {
    return refuse(Refusal::malformed_batch);
  }
  return {};
}

FrameParts parts_of(const BatchContents& contents, std::size_t body_bytes) {
  FrameParts parts{contents.keys.size() + contents.shapes.size(), 0, contents.entries.size(),
                   body_bytes};
  for (const std::string_view key : contents.keys) parts.text_bytes += key.size();
  for (const std::string_view shape : contents.shapes) parts.text_bytes += shape.size();
  return parts;
}

flatbuffers::Offset<Strings> write_strings(flatbuffers::FlatBufferBuilder& builder,
                                           std::span<const std::string_view> strings) {
  std::vector<flatbuffers::Offset<flatbuffers::String>> texts;
  texts.reserve(strings.size());
  for (const std::string_view text : strings) texts.push_back(builder.CreateString(text));
  return builder.CreateVector(texts);
}

// Writes a frame whose bodies `fill` copies in; it is given their place.
template <class Fill>
std::unique_ptr<Batch> write_frame(const BatchContents& contents, std::size_t bodies_bytes,
                                   Fill fill) {
  const std::size_t room = frame_bytes_at_most(parts_of(contents, bodies_bytes));
  SlabAllocator allocator(room);
  flatbuffers::FlatBufferBuilder builder(room, &allocator);
  builder.ForceDefaults(true);  // the stamp fields are set in place later, so they must exist
  std::uint8_t* place = nullptr;
  const auto bodies = builder.CreateUninitializedVector<std::uint8_t>(bodies_bytes, &place);
  fill(reinterpret_cast<char*>(place));
  const auto entries = builder.CreateVectorOfStructs(
      reinterpret_cast<const wire::Entry*>(contents.entries.data()), contents.entries.size());
  const auto keys = write_strings(builder, contents.keys);
  const auto encoding = contents.shapes.empty() ? wire::Encoding::json : wire::Encoding::shaped;
  const auto shapes = contents.shapes.empty() ? 0 : write_strings(builder, contents.shapes);
  builder.Finish(wire::CreateBatch(builder, 0, 0, 0, encoding, keys, entries, bodies, shapes,
                                   contents.replayed),
                 wire::BatchIdentifier());
  const std::span<std::byte> frame(reinterpret_cast<std::byte*>(builder.GetBufferPointer()),
                                   builder.GetSize());
  return view_of(allocator.take(), frame);
}

}  // namespace

bool is_batch_frame(std::span<const std::byte> frame) noexcept {
  return frame.size() >= 8 && std::memcmp(frame.data() + 4, wire::BatchIdentifier(), 4) == 0;
}

tl::expected<std::unique_ptr<Batch>, Refusal> read_batch(std::span<const std::byte> frame,
                                                         const SourceLimits& limits) {
  if (!is_batch_frame(frame)) return tl::unexpected(Refusal::wrong_identifier);
  if (frame.size() > limits.message_bytes_max) return tl::unexpected(Refusal::message_too_large);
  Slab slab(frame.size());
  std::memcpy(slab.begin(), frame.data(), frame.size());
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(slab.begin());
  flatbuffers::Verifier verifier(bytes, frame.size(), kDepthMax, kTablesMax);
  if (!wire::VerifyBatchBuffer(verifier)) return tl::unexpected(Refusal::malformed_batch);
  const wire::Batch& table = *wire::GetBatch(bytes);
  if (const auto meaning = check_meaning(table, frame.size()); !meaning) {
    return tl::unexpected(meaning.error());
  }
  if (!stamps_stand_alone(table, bytes)) return tl::unexpected(Refusal::malformed_batch);
  const std::span<std::byte> copy(slab.begin(), frame.size());
  return view_of(std::move(slab), copy);
}

std::unique_ptr<Batch> write_batch(const BatchContents& contents) {
  return write_frame(contents, contents.bodies.size(), [&](char* place) {
    if (!contents.bodies.empty())
      std::memcpy(place, contents.bodies.data(), contents.bodies.size());
  });
}

std::unique_ptr<Batch> view_trusted(Slab slab, std::size_t frame_bytes) {
  const std::span<std::byte> frame(slab.begin(), frame_bytes);
  XYLEM_CHECK(is_batch_frame(frame), "a frame of our own");
  return view_of(std::move(slab), frame);
}

std::unique_ptr<Batch> gather(const Batch& batch, const std::vector<bool>& key_wanted) {
  XYLEM_CHECK(key_wanted.size() == batch.keys().size(), "one wish per key");
  std::vector<std::uint16_t> key_renamed(key_wanted.size());
  std::vector<std::string_view> keys;
  std::size_t events = 0;
  for (std::size_t i = 0; i < key_wanted.size(); ++i) {
    if (!key_wanted[i]) continue;
    key_renamed[i] = static_cast<std::uint16_t>(keys.size());
    keys.push_back(batch.keys()[i].text);
    events += batch.keys()[i].events;
  }
  // All events of a shape have one key, so what one of them says by way of another stays together.
  std::vector<std::uint16_t> shape_renamed(batch.shapes().size() + 1);
  std::vector<std::string_view> shapes;
  for (std::size_t i = 0; i < batch.shapes().size(); ++i) {
    if (!key_wanted[batch.shapes()[i].key]) continue;
    shapes.push_back(batch.shapes()[i].text);
    shape_renamed[i + 1] = static_cast<std::uint16_t>(shapes.size());
  }
  std::vector<EventEntry> entries;
  entries.reserve(events);
  std::uint32_t bytes = 0;
  for (const EventEntry& entry : batch.entries()) {
    if (!key_wanted[entry.key]) continue;
    entries.push_back({entry.timestamp_us, bytes, entry.length, entry.position,
                       key_renamed[entry.key], shape_renamed[entry.shape]});
    bytes += entry.length;
  }
  const BatchContents contents{keys, entries, {}, shapes, batch.is_replayed()};
  auto gathered = write_frame(contents, bytes, [&](char* place) {
    for (const EventEntry& entry : batch.entries()) {
      if (!key_wanted[entry.key]) continue;
      std::memcpy(place, batch.bodies().data() + entry.offset, entry.length);
      place += entry.length;
    }
  });
  gathered->stamp(batch.epoch(), batch.first_sequence(), batch.received_us());
  return gathered;
}

}  // namespace xylem
