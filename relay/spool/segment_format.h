#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "relay/base/ids.h"
#include "relay/base/result.h"

namespace xylem {

// The bytes of a segment file (docs/spool.md draws them). Pure; any thread.

// A record's place among all that a log ever had; never used twice. Its upper half counts the
// lives of the log, so that numbers lost with an unsynced tail do not come again.
struct RecordNumber {
  std::uint64_t value = 0;
  friend constexpr auto operator<=>(RecordNumber, RecordNumber) = default;
  [[nodiscard]] constexpr RecordNumber after(std::uint64_t n) const { return {value + n}; }
  [[nodiscard]] constexpr RecordNumber first_of_next_life() const {
    return {((value >> 32) + 1) << 32};
  }
};

struct SegmentHeader {
  std::uint64_t ordinal = 0;  // among the segments of this log, ascending
  Epoch epoch;
  Sequence first;
  std::int64_t created_us = 0;
};
inline constexpr std::size_t kSegmentHeaderBytes = 64;
inline constexpr std::uint32_t kSegmentVersion = 1;

void write_segment_header(const SegmentHeader& header, std::span<std::byte> out);
// Errors: malformed, if the bytes are no header; refused, if a newer program wrote it.
[[nodiscard]] Result<SegmentHeader> read_segment_header(std::span<const std::byte> bytes);

enum class RecordKind : std::uint16_t {
  batch = 1,    // a batch frame, stamped
  sources = 2,  // what the sources of an acked endpoint had sent when the segment began
  end = 3,      // the segment was finished; tells what it has
};
struct RecordHeader {
  RecordKind kind = RecordKind::batch;
  std::uint32_t length = 0;  // of the payload
  RecordNumber number;
  Sequence first;            // end: the sequence behind the last
  std::uint32_t events = 0;  // of the batch; end: 0
  std::int64_t received_us = 0;
  // Which batch of which source it was, if it came over an acked link.
  SourceId source;
  BatchNumber batch;
  std::uint32_t age_ms = 0;  // how long it had been on its way when the relay took it in
  // A piece of a source's frame. The next record that names a source is its last.
  bool more = false;
};
inline constexpr std::size_t kRecordHeaderBytes = 64;
inline constexpr std::uint32_t kRecordBytesMax = std::uint32_t{1} << 30;

// What a record takes in its file: a multiple of 8.
[[nodiscard]] constexpr std::uint64_t record_bytes(std::uint64_t length) {
  return (kRecordHeaderBytes + length + 7) / 8 * 8;
}

// Seeds the checksums of a segment's records, so that those of another file never pass here.
[[nodiscard]] std::uint32_t seed_of(const SegmentHeader& segment);

void write_record_header(const RecordHeader& header, std::span<const std::byte> payload,
                         std::uint32_t seed, std::span<std::byte> out);
// The header if its own bytes are sound as far as can be told without the payload.
[[nodiscard]] std::optional<RecordHeader> read_record_header(std::span<const std::byte> bytes);
// Whether header and payload are as they were written. `bytes` begin with the header.
[[nodiscard]] bool record_is_sound(std::span<const std::byte> header,
                                   std::span<const std::byte> payload, std::uint32_t seed);

// "000000000042.seg" and back.
[[nodiscard]] std::string segment_name(std::uint64_t ordinal);
[[nodiscard]] std::optional<std::uint64_t> segment_ordinal(std::string_view name);
// Also of what was set aside of a segment: "000000000042.seg.quarantine".
[[nodiscard]] std::optional<std::uint64_t> ordinal_in(std::string_view name);

}  // namespace xylem
