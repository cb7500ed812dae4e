#include "relay/spool/log_reader.h"

#include <algorithm>
#include <utility>

#include "relay/codec/batch_codec.h"

namespace xylem {

void LogReader::begin(const std::optional<SegmentFacts>& segment) {
  close();
  if (segment) {
    ordinal_ = segment->ordinal - 1;
    return;
  }
  // All of it is in the past; what comes next may still go into the newest segment.
  const std::vector<SegmentFacts> all = catalog_.segments();
  ordinal_ = all.empty() ? 0 : all.back().ordinal - 1;
}

void LogReader::seek(Epoch epoch, Sequence sequence) {
  from_ = {epoch, sequence};
  since_us_ = 0;
  begin(catalog_.at(from_));
}

void LogReader::seek(std::int64_t since_us) {
  from_ = {};
  since_us_ = since_us;
  begin(catalog_.since(since_us));
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
    auto opened = SegmentReader::open(disk_, ordinal_);
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
  for (;;) {
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
      if (growing_ || !catalog_.after(ordinal_)) return std::nullopt;
      close();
      continue;
    }
    const RecordHeader& header = (*record)->header;
    if (!is_wanted(header)) continue;
    Entry entry{header.number, view_trusted(std::move((*record)->payload), header.length)};
    entry.batch->set_origin(
        {header.source, header.batch, false, std::int64_t{header.age_ms} * 1000});
    from_ = {segment_->header().epoch, header.first.after(header.events)};
    return entry;
  }
}

BatchRef LogReader::read() {
  auto entry = next();
  return entry ? BatchRef(std::move(entry->batch)) : BatchRef();
}

bool LogReader::has_more() const {
  const LogCatalog::Tail tail = catalog_.tail();
  if (segment_ && tail.ordinal == ordinal_) return segment_->offset() < tail.bytes;
  if (segment_ && !exhausted_) return true;
  return tail.ordinal > ordinal_ || catalog_.after(ordinal_).has_value();
}

}  // namespace xylem
