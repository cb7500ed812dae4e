#include "relay/spool/log_reader.h"

#include <algorithm>
#include <utility>

#include "relay/codec/batch_codec.h"

namespace xylem {

void LogReader::begin(const std::optional<SegmentFacts>& segment, std::uint64_t offset) {
  close();
  ordinal_ = segment ? segment->ordinal - 1 : 0;
  begin_ordinal_ = segment ? segment->ordinal : 0;
  begin_offset_ = offset;
}

// All of it may be in the past; what comes next may still go into the newest segment.
std::optional<SegmentFacts> LogReader::or_newest(const std::optional<SegmentFacts>& found) const {
  if (found) return found;
  const std::vector<SegmentFacts> all = catalog_.segments();
  return all.empty() ? std::nullopt : std::optional(all.back());
}

void LogReader::seek(Epoch epoch, Sequence sequence) {
  from_ = {epoch, sequence};
  since_us_ = INT64_MIN;
  const auto segment = or_newest(catalog_.at(from_));
  const bool inside = segment && segment->epoch == epoch;
  begin(segment, inside ? catalog_.offset_at(segment->ordinal, sequence) : 0);
}

void LogReader::seek(std::int64_t since_us) {
  from_ = {};
  since_us_ = since_us;
  const auto segment = or_newest(catalog_.since(since_us));
  begin(segment, segment ? catalog_.offset_since(segment->ordinal, since_us) : 0);
}

void LogReader::rest() {
  if (!segment_) return;
  begin_ordinal_ = ordinal_--;
  begin_offset_ = segment_->offset();
  close();
}

void LogReader::close() {
  if (segment_) damaged_bytes_ += segment_->damaged_bytes();
  segment_.reset();
}

// A segment that cannot be opened was let go of meanwhile, or is damaged at its head; the next one
// tells what is missing.
bool LogReader::open_next() {
  while (const auto facts = catalog_.after(ordinal_)) {
    ordinal_ = facts->ordinal;
    bytes_ = facts->bytes;
    growing_ = catalog_.tail().ordinal == ordinal_;
    exhausted_ = false;
    const std::uint64_t offset = ordinal_ == begin_ordinal_ ? begin_offset_ : 0;
    begin_ordinal_ = 0;
    auto opened = SegmentReader::open(disk_, ordinal_, offset);
    if (opened) {
      segment_.emplace(std::move(*opened));
      return true;
    }
    damaged_bytes_ += facts->bytes;
  }
  return false;
}

// How far the segment at hand can be read now.
std::uint64_t LogReader::limit(const LogCatalog::Tail& tail) {
  if (tail.ordinal == ordinal_) {
    growing_ = true;
    return tail.bytes;
  }
  if (std::exchange(growing_, false)) {
    // It was finished since; the catalog knows how.
    const auto facts = catalog_.after(ordinal_ - 1);
    if (facts && facts->ordinal == ordinal_) bytes_ = facts->bytes;
  }
  return bytes_;
}

bool LogReader::is_wanted(const RecordHeader& record) const {
  if (record.kind != RecordKind::batch || record.received_us < since_us_) return false;
  return LogPosition{segment_->header().epoch, record.first.after(record.events)} > from_;
}

std::optional<LogReader::Entry> LogReader::next() {
  for (std::uint64_t passed = 0; passed < pass_bytes_;) {
    if (!segment_ && !open_next()) return std::nullopt;
    const LogCatalog::Tail tail = catalog_.tail();
    auto record = segment_->next(limit(tail));
    if (!record) {
      // What a disk will not give is passed over, and shows as a gap.
      damaged_bytes_ += bytes_ - std::min(bytes_, segment_->offset());
      close();
      continue;
    }
    if (!*record) {
      exhausted_ = true;
      looked_to_ = tail.bytes;
      if (growing_ || !catalog_.after(ordinal_)) return std::nullopt;
      close();
      continue;
    }
    const RecordHeader& header = (*record)->header;
    note_place(header);
    if (is_wanted(header)) return entry_of(std::move(**record));
    passed += record_bytes(header.length);
  }
  return std::nullopt;
}

LogReader::Entry LogReader::entry_of(SegmentReader::Record record) {
  const RecordHeader& header = record.header;
  from_ = {segment_->header().epoch, header.first.after(header.events)};
  since_us_ = INT64_MIN;
  Entry entry{header.number, view_trusted(std::move(record.payload), header.length)};
  entry.batch->set_origin({header.source, header.batch, false, std::int64_t{header.age_ms} * 1000});
  return entry;
}

// Who comes next finds a place in what was read through.
void LogReader::note_place(const RecordHeader& header) {
  const std::uint64_t offset = segment_->offset() - record_bytes(header.length);
  const bool far = noted_ordinal_ != ordinal_ || offset - noted_offset_ >= kNoteBytes;
  if (header.kind != RecordKind::batch || !far) return;
  noted_ordinal_ = ordinal_;
  noted_offset_ = offset;
  catalog_.mark(ordinal_, {offset, header.first, header.received_us});
}

BatchRef LogReader::read() {
  auto entry = next();
  return entry ? BatchRef(std::move(entry->batch)) : BatchRef();
}

bool LogReader::has_more() const {
  const LogCatalog::Tail tail = catalog_.tail();
  if (segment_ && tail.ordinal == ordinal_) {
    // What is damaged cannot be read until a sound record stands behind it.
    return segment_->offset() < tail.bytes && (!exhausted_ || looked_to_ != tail.bytes);
  }
  if (segment_ && !exhausted_) return true;
  return tail.ordinal > ordinal_ || catalog_.after(ordinal_).has_value();
}

}  // namespace xylem
