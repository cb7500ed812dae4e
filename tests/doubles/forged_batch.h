#pragma once

#include <initializer_list>
#include <string_view>

#include "tests/doubles/bytes.h"

namespace xylem::testing {

// A batch frame laid out by hand, every part at a place that is known, so that a test can bend one
// thing and leave the rest. schema/batch.fbs in the order of its fields; offsets from the frame's
// first byte. As it stands it is valid: two events, {"a": "one", "b": "three"}.
struct ForgedBatch {
  enum Slot : std::size_t {
    epoch,
    first_sequence,
    received_us,
    encoding,
    keys,
    entries,
    bodies,
    shapes,   // absent
    replayed  // absent
  };

  static constexpr std::size_t kVtable = 8;
  static constexpr std::size_t kTable = 32;
  static constexpr std::size_t kEpoch = 40;
  static constexpr std::size_t kFirstSequence = 48;
  static constexpr std::size_t kReceivedUs = 56;
  static constexpr std::size_t kEncoding = 64;
  static constexpr std::size_t kKeysAt = 68;  // the three reference fields
  static constexpr std::size_t kEntriesAt = 72;
  static constexpr std::size_t kBodiesAt = 76;
  static constexpr std::size_t kKeys = 80;  // the vectors: a count, then what it counts
  static constexpr std::size_t kKeyA = 96;
  static constexpr std::size_t kKeyB = 112;
  static constexpr std::size_t kEntries = 132;  // so that the entries begin at 136, aligned to 8
  static constexpr std::size_t kBodies = 192;
  static constexpr std::size_t kSize = 208;
  static constexpr std::size_t kEntryBytes = 24;

  ForgedBatch() : bytes(kSize) {
    poke<std::uint32_t>(bytes, 0, kTable);
    std::memcpy(bytes.data() + 4, "XYB1", 4);
    poke<std::uint16_t>(bytes, kVtable, 4 + 2 * 9);
    poke<std::uint16_t>(bytes, kVtable + 2, kKeys - kTable);
    poke<std::int32_t>(bytes, kTable, kTable - kVtable);
    std::size_t slot = epoch;
    for (const std::size_t at :
         {kEpoch, kFirstSequence, kReceivedUs, kEncoding, kKeysAt, kEntriesAt, kBodiesAt}) {
      field(static_cast<Slot>(slot++), at);
    }
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

  // Where the table says a field lies; 0 leaves it out.
  void field(Slot slot, std::size_t at) {
    poke<std::uint16_t>(bytes, kVtable + 4 + 2 * slot,
                        static_cast<std::uint16_t>(at == 0 ? 0 : at - kTable));
  }
  void refer(std::size_t from, std::size_t to) {
    poke<std::uint32_t>(bytes, from, static_cast<std::uint32_t>(to - from));
  }
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
