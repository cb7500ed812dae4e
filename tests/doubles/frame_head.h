#pragma once

#include <cstdint>
#include <cstring>

#include "tests/doubles/bytes.h"

namespace xylem::testing {

// How a batch frame laid out by hand begins (schema/batch.fbs): the table of its fields, and the
// fields of fixed size and the references to its vectors, each at a place that is known. Offsets
// from the frame's first byte.
struct FrameHead {
  enum Slot : std::size_t {
    epoch,
    first_sequence,
    received_us,
    encoding,
    keys,
    entries,
    bodies,
    shapes,
    replayed_field
  };
  static constexpr std::size_t kSlots = 9;

  static constexpr std::size_t kVtable = 8;
  static constexpr std::size_t kTable = 32;
  static constexpr std::size_t kEpoch = 40;
  static constexpr std::size_t kFirstSequence = 48;
  static constexpr std::size_t kReceivedUs = 56;
  static constexpr std::size_t kEncoding = 64;
  static constexpr std::size_t kReplayed = 65;
  static constexpr std::size_t kKeysAt = 68;  // the reference fields
  static constexpr std::size_t kEntriesAt = 72;
  static constexpr std::size_t kBodiesAt = 76;
  static constexpr std::size_t kShapesAt = 80;  // if the table reaches so far

  // Writes the head of a frame whose table ends at `end`, with every field but shapes and replayed.
  static void write(Bytes& frame, std::size_t end) {
    poke<std::uint32_t>(frame, 0, kTable);
    std::memcpy(frame.data() + 4, "XYB1", 4);
    poke<std::uint16_t>(frame, kVtable, 4 + 2 * kSlots);
    poke<std::uint16_t>(frame, kVtable + 2, static_cast<std::uint16_t>(end - kTable));
    poke<std::int32_t>(frame, kTable, kTable - kVtable);
    std::size_t slot = epoch;
    for (const std::size_t at :
         {kEpoch, kFirstSequence, kReceivedUs, kEncoding, kKeysAt, kEntriesAt, kBodiesAt}) {
      field(frame, static_cast<Slot>(slot++), at);
    }
  }
  // Where the table says a field lies; 0 leaves it out.
  static void field(Bytes& frame, Slot slot, std::size_t at) {
    poke<std::uint16_t>(frame, kVtable + 4 + 2 * slot,
                        static_cast<std::uint16_t>(at == 0 ? 0 : at - kTable));
  }
  static void refer(Bytes& frame, std::size_t from, std::size_t to) {
    poke<std::uint32_t>(frame, from, static_cast<std::uint32_t>(to - from));
  }
};

}  // namespace xylem::testing
