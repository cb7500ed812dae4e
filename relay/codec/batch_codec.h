#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "relay/base/limits.h"
#include "relay/event/batch.h"
#include "relay/event/refusal.h"

namespace xylem {

// FlatBuffers frames (schema/batch.fbs, docs/protocol.md §4) to batches and back. Pure; any thread.

// Copies `frame` into memory of its own and holds it against the schema, the limits and the rules
// of protocol §4, trusting nothing. Refusals: message_too_large, wrong_identifier, malformed_batch,
// too_many_events. What an event may be, its key and its
// size, is for Admission to say, event by event. Cost: one copy, then linear in keys and entries;
// bodies are not read.
[[nodiscard]] tl::expected<std::unique_ptr<Batch>, Refusal> read_batch(
    std::span<const std::byte> frame, const SourceLimits& limits);

// True if the frame says of itself that it is a batch (identifier XYB1). Reads 8 bytes.
[[nodiscard]] bool is_batch_frame(std::span<const std::byte> frame) noexcept;

// What a frame is made of, in numbers, and the bytes it takes at most.
struct FrameParts {
  std::size_t texts = 0;  // keys and shapes
  std::size_t text_bytes = 0;
  std::size_t entries = 0;
  std::size_t body_bytes = 0;
};
// Of each text: its offset, its length, a zero byte, and up to three that align.
inline constexpr std::size_t kFrameBytesPerText = 16;
[[nodiscard]] constexpr std::size_t frame_bytes_at_most(const FrameParts& parts) noexcept {
  // The first number: the table, its vtable, the lengths of the vectors, and what aligns them.
  const std::size_t total = 256 + kFrameBytesPerText * parts.texts + parts.text_bytes +
                            parts.entries * sizeof(EventEntry) + parts.body_bytes;
  return (total + 15) / 16 * 16;
}

// What a new frame is made of. Entry offsets are relative to `bodies`.
struct BatchContents {
  std::span<const std::string_view> keys;
  std::span<const EventEntry> entries;
  std::string_view bodies;
  std::span<const std::string_view> shapes{};
  bool replayed = false;
};
// REQUIRES contents within the limits, positions ascending. Unstamped. Cost: one copy of all.
[[nodiscard]] std::unique_ptr<Batch> write_batch(const BatchContents& contents);

// The events of `batch` whose key is wanted, as a batch with the same stamp and positions.
// `key_wanted` has one element per key of `batch`. Cost: one copy of what is wanted.
[[nodiscard]] std::unique_ptr<Batch> gather(const Batch& batch,
                                            const std::vector<bool>& key_wanted);

// A frame of our own, read back from where its checksum held. REQUIRES a sound frame.
[[nodiscard]] std::unique_ptr<Batch> view_trusted(Slab slab, std::size_t frame_bytes);

}  // namespace xylem
