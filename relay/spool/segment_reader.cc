#include "relay/spool/segment_reader.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace xylem {
namespace {
constexpr std::size_t kWindowBytes = 256 << 10;
constexpr std::uint64_t kAlignment = 8;
}  // namespace

Result<SegmentReader> SegmentReader::open(Disk& disk, std::uint64_t ordinal, std::uint64_t offset) {
  XYLEM_TRY(std::unique_ptr<File> file, disk.open(segment_name(ordinal), Disk::Mode::read));
  std::array<std::byte, kSegmentHeaderBytes> bytes{};
  XYLEM_TRY(const std::size_t got, file->read_at(0, bytes));
  XYLEM_TRY(const SegmentHeader header, read_segment_header(std::span(bytes).first(got)));
  SegmentReader made(std::move(file), header);
  made.offset_ = std::max<std::uint64_t>(offset, kSegmentHeaderBytes);
  return made;
}

// Makes [offset, offset + bytes) stand in the window; false if the file has not so many. Nothing
// behind `limit` is read, since it may be about to change.
Result<bool> SegmentReader::load(std::uint64_t offset, std::size_t bytes, std::uint64_t limit) {
  if (offset >= window_at_ && offset + bytes <= window_at_ + window_bytes_) return true;
  window_.resize(std::min<std::uint64_t>(std::max(kWindowBytes, bytes), limit - offset));
  window_at_ = offset;
  window_bytes_ = 0;
  XYLEM_TRY(window_bytes_, file_->read_at(offset, window_));
  return window_bytes_ >= bytes;
}

Result<std::optional<RecordHeader>> SegmentReader::sound_at(std::uint64_t offset,
                                                            std::uint64_t limit) {
  using Found = std::optional<RecordHeader>;
  if (offset + kRecordHeaderBytes > limit) return Found();
  XYLEM_TRY(const bool head, load(offset, kRecordHeaderBytes, limit));
  if (!head) return Found();
  const auto at = [&](std::uint64_t place) { return window_.data() + (place - window_at_); };
  const Found header = read_record_header({at(offset), kRecordHeaderBytes});
  if (!header || offset + record_bytes(header->length) > limit) return Found();
  XYLEM_TRY(const bool whole, load(offset, kRecordHeaderBytes + header->length, limit));
  if (!whole) return Found();
  const bool sound = record_is_sound({at(offset), kRecordHeaderBytes},
                                     {at(offset + kRecordHeaderBytes), header->length}, seed_);
  return sound ? header : Found();
}

Result<std::optional<RecordHeader>> SegmentReader::find(std::uint64_t limit) {
  for (std::uint64_t at = offset_; at + kRecordHeaderBytes <= limit; at += kAlignment) {
    XYLEM_TRY(const std::optional<RecordHeader> header, sound_at(at, limit));
    if (!header) continue;
    damaged_bytes_ += at - offset_;
    offset_ = at;
    return header;
  }
  return std::optional<RecordHeader>();
}

Result<std::optional<RecordHeader>> SegmentReader::next_header(std::uint64_t limit) {
  XYLEM_TRY(const std::optional<RecordHeader> header, find(limit));
  if (header) offset_ += record_bytes(header->length);
  return header;
}

Result<std::optional<SegmentReader::Record>> SegmentReader::next(std::uint64_t limit) {
  XYLEM_TRY(const std::optional<RecordHeader> header, find(limit));
  if (!header) return std::optional<Record>();
  Record record{*header, Slab(header->length)};
  const std::byte* payload = window_.data() + (offset_ + kRecordHeaderBytes - window_at_);
  std::memcpy(record.payload.begin(), payload, header->length);
  offset_ += record_bytes(header->length);
  return std::optional<Record>(std::move(record));
}

}  // namespace xylem
