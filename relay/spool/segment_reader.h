#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "relay/base/result.h"
#include "relay/event/batch.h"
#include "relay/spool/disk.h"
#include "relay/spool/segment_format.h"

namespace xylem {

// Reads one segment's records from its front. What is damaged is passed over, to the next record
// that is sound; nothing is ever given whose checksum does not hold. One owner thread.
class SegmentReader {
 public:
  // Errors: as read_segment_header(); io.
  // `offset` is where a record begins, or 0: the first.
  [[nodiscard]] static Result<SegmentReader> open(Disk& disk, std::uint64_t ordinal,
                                                  std::uint64_t offset = 0);

  [[nodiscard]] const SegmentHeader& header() const { return header_; }

  struct Record {
    RecordHeader header;
    Slab payload;  // aligned, as a batch wants its frame
  };
  // The next record that ends at or before `limit`, or nothing: there is none, as yet. Errors: io,
  // and then the same may be asked again.
  [[nodiscard]] Result<std::optional<Record>> next(std::uint64_t limit);
  // Likewise, without reading the payload of a batch into memory of its own.
  [[nodiscard]] Result<std::optional<RecordHeader>> next_header(std::uint64_t limit);

  // Where the next record would begin.
  [[nodiscard]] std::uint64_t offset() const { return offset_; }
  [[nodiscard]] std::uint64_t damaged_bytes() const { return damaged_bytes_; }

 private:
  SegmentReader(std::unique_ptr<File> file, const SegmentHeader& header)
      : file_(std::move(file)), header_(header), seed_(seed_of(header)) {}
  // Leaves a sound record's header and payload in `buffer_`, from offset_ on or behind damage.
  [[nodiscard]] Result<std::optional<RecordHeader>> find(std::uint64_t limit);
  [[nodiscard]] Result<bool> load(std::uint64_t offset, std::size_t bytes, std::uint64_t limit);
  [[nodiscard]] Result<std::optional<RecordHeader>> sound_at(std::uint64_t offset,
                                                             std::uint64_t limit);

  std::unique_ptr<File> file_;
  SegmentHeader header_;
  std::uint32_t seed_;
  std::uint64_t offset_ = kSegmentHeaderBytes;
  std::uint64_t damaged_bytes_ = 0;
  // A window of the file: records are mostly smaller than a read is worth.
  std::vector<std::byte> window_;
  std::uint64_t window_at_ = 0;
  std::size_t window_bytes_ = 0;
};

}  // namespace xylem
