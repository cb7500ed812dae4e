#pragma once

#include <string_view>

#include "tests/doubles/frame_head.h"

namespace xylem::testing {

// A batch frame laid out by hand, every part at a place that is known, so that a test can bend one
// thing and leave the rest: a head (frame_head.h) and its vectors, without shapes. As it stands it
// is valid: two events, {"a": "one", "b": "three"}.
struct ForgedBatch : FrameHead {
  static constexpr std::size_t kKeys = 80;  // the vectors: a count, then what it counts
  static constexpr std::size_t kKeyA = 96;
  static constexpr std::size_t kKeyB = 112;
  static constexpr std::size_t kEntries = 132;  // so that the entries begin at 136, aligned to 8
  static constexpr std::size_t kBodies = 192;
  static constexpr std::size_t kSize = 208;
  static constexpr std::size_t kEntryBytes = 24;

  ForgedBatch() : bytes(kSize) {
    write(bytes, kKeys);
    refer(kKeysAt, kKeys);
    refer(kEntriesAt, kEntries);
    refer(kBodiesAt, kBodies);
    poke<std::uint32_t>(bytes, kKeys, 2);
    refer(kKeys + 4, kKeyA);
    refer(kKeys + 8, kKeyB);
    text(kKeyA, "a");
    text(kKeyB, "b");
    poke<std::uint32_t>(bytes, kEntries, 2);
    entry(0, 0, 3, 0, 0);
    entry(1, 3, 5, 1, 1);
    text(kBodies, "onethree");
  }

  void field(Slot slot, std::size_t at) { FrameHead::field(bytes, slot, at); }
  void refer(std::size_t from, std::size_t to) { FrameHead::refer(bytes, from, to); }
  void text(std::size_t at, std::string_view text) {
    poke<std::uint32_t>(bytes, at, static_cast<std::uint32_t>(text.size()));
    std::memcpy(bytes.data() + at + 4, text.data(), text.size());
  }
  void entry(std::size_t index, std::uint32_t offset, std::uint32_t length, std::uint32_t position,
             std::uint16_t key) {
    const std::size_t at = kEntries + 4 + index * kEntryBytes;
    poke<std::uint32_t>(bytes, at + 8, offset);
    poke<std::uint32_t>(bytes, at + 12, length);
    poke<std::uint32_t>(bytes, at + 16, position);
    poke<std::uint16_t>(bytes, at + 20, key);
  }

  Bytes bytes;
};

}  // namespace xylem::testing
