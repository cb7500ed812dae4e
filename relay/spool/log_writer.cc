#include "relay/spool/log_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "relay/base/check.h"
#include "relay/spool/segment_format.h"
#include "relay/spool/source_records.h"

namespace xylem {
namespace {

// Sources that are remembered; a relay's acked endpoint knows no more either. One that was silent
// for so long will not come back.
constexpr std::size_t kSourcesMax = 65'536;
constexpr std::int64_t kSourceAgeUs = std::chrono::microseconds(std::chrono::days(30)).count();
constexpr std::array<std::byte, 8> kPadding{};
constexpr std::uint64_t kMarkBytes = std::uint64_t{1} << 20;  // from one to the next, or a group

std::uint32_t milliseconds_of(std::int64_t us) {
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(us / 1000, 0, UINT32_MAX));
}

}  // namespace

std::string_view name_of(SpoolOverflow overflow) {
  switch (overflow) {
    case SpoolOverflow::drop_oldest: return "drop_oldest";
    case SpoolOverflow::drop_newest: return "drop_newest";
    case SpoolOverflow::block: return "block";
  }
  return "unknown";
}

Result<SpoolOverflow> parse_spool_overflow(std::string_view name) {
  for (const SpoolOverflow known :
       {SpoolOverflow::drop_oldest, SpoolOverflow::drop_newest, SpoolOverflow::block}) {
    if (name == name_of(known)) return known;
  }
  return fail(
      ErrorCode::bad_configuration,
      fmt::format("'{}' is not a policy of the spool; drop_oldest, drop_newest, block are", name));
}

LogWriter::LogWriter(const Options& options, Disk& disk, LogCatalog& catalog,
                     const RecoveredLog& recovered, RecordNumber newest)
    : options_(options),
      disk_(disk),
      catalog_(catalog),
      next_ordinal_(recovered.next_ordinal),
      next_number_(std::max(newest, recovered.newest).first_of_next_life()),
      synced_sources_(recovered.sources) {
  catalog_.reset(recovered.segments);
}

std::uint64_t LogWriter::total_bytes() const {
  std::uint64_t total = 0;
  for (const SegmentFacts& segment : catalog_.segments()) total += segment.bytes;
  return total;
}

// False if it is not to be had: it is needed and that matters, or it is the newest. That one stays
// even if it is too old, for it tells the next life which numbers, epochs and sources there were.
bool LogWriter::remove_oldest(bool even_if_needed) {
  const std::vector<SegmentFacts> all = catalog_.segments();
  if (all.size() < 2) return false;
  const auto need = catalog_.needed();
  if (need && all.front().end_position() > need->done && !even_if_needed) return false;
  if (auto removed = disk_.remove(segment_name(all.front().ordinal)); !removed) {
    error_ = removed.error();
    return false;
  }
  catalog_.remove_oldest();
  ++figures_.segments_removed;
  return true;
}

// Whether the quota allows another segment.
LogWriter::Room LogWriter::make_room() {
  const bool oldest_goes = options_.overflow == SpoolOverflow::drop_oldest;
  while (total_bytes() + options_.segment_bytes > options_.bytes_max) {
    if (remove_oldest(oldest_goes)) continue;
    // A group that was larger than a segment; its turn comes with the next.
    if (catalog_.segments().size() < 2) break;
    return options_.overflow == SpoolOverflow::block ? Room::full : Room::dropped;
  }
  return Room::enough;
}

void LogWriter::trim(std::int64_t now_us) {
  const std::int64_t age_us =
      std::chrono::duration_cast<std::chrono::microseconds>(options_.age_max).count();
  for (;;) {
    const std::vector<SegmentFacts> all = catalog_.segments();
    if (all.empty() || clipped_difference(now_us, all.front().newest_us) <= age_us) return;
    if (!remove_oldest(options_.overflow == SpoolOverflow::drop_oldest)) return;
  }
}

Result<void> LogWriter::begin_segment(const Batch& first) {
  auto made = std::make_unique<Active>();
  made->header = {next_ordinal_, first.epoch(), first.first_sequence(), first.received_us()};
  const std::string name = segment_name(next_ordinal_);
  if (left_over_) {
    if (auto removed = disk_.remove(name); !removed) return removed;
    left_over_ = false;
  }
  XYLEM_TRY(made->file, disk_.create(name));
  forget_sources(synced_sources_, kSourcesMax, first.received_us(), kSourceAgeUs);
  const std::vector<std::byte> sources = write_sources(synced_sources_);
  std::array<std::byte, kSegmentHeaderBytes + kRecordHeaderBytes> head{};
  write_segment_header(made->header, head);
  RecordHeader record;
  record.kind = RecordKind::sources;
  record.length = static_cast<std::uint32_t>(sources.size());
  record.number = next_number_;
  record.first = first.first_sequence();
  record.received_us = first.received_us();
  write_record_header(record, sources, seed_of(made->header),
                      std::span(head).subspan(kSegmentHeaderBytes));
  const std::array<std::span<const std::byte>, 2> pieces{std::span<const std::byte>(head), sources};
  Result<void> done = made->file->reserve(options_.segment_bytes);
  if (done) done = made->file->write_at(0, pieces);
  if (done) done = made->file->sync();
  if (done) done = disk_.sync();
  if (!done) {
    left_over_ = !disk_.remove(name);
    return done;
  }
  made->bytes = made->synced_bytes = kSegmentHeaderBytes + record_bytes(sources.size());
  made->synced_end = made->header.first;
  ++next_ordinal_;
  const SegmentHeader& header = made->header;
  catalog_.add({header.ordinal, header.epoch, header.first, header.first, header.created_us,
                made->bytes, header.created_us});
  active_ = std::move(made);
  tail_.ordinal = header.ordinal;
  tail_.bytes = active_->bytes;
  tail_.end = header.first;
  tail_.newest_us = header.created_us;
  show();
  return {};
}

// The end record says that everything before it is on the disk, so it comes behind the sync; should
// it be lost itself, recovery reads the segment.
Result<void> LogWriter::end_segment() {
  const std::uint64_t ordinal = active_->header.ordinal;
  if (auto synced = sync(); !synced) return synced;
  // A sync that failed has begun another segment, which may go on.
  if (active_->header.ordinal != ordinal) return {};
  RecordHeader end;
  end.kind = RecordKind::end;
  end.number = next_number_;
  end.first = tail_.end;
  end.received_us = tail_.newest_us;
  std::array<std::byte, kRecordHeaderBytes> bytes{};
  write_record_header(end, {}, seed_of(active_->header), bytes);
  const std::span<const std::byte> piece(bytes);
  if (auto written = active_->file->write_at(active_->bytes, {&piece, 1}); !written) return written;
  if (auto cut = active_->file->truncate(active_->bytes + kRecordHeaderBytes); !cut) return cut;
  tail_.bytes = active_->bytes + kRecordHeaderBytes;
  show();
  active_.reset();
  return {};
}

Result<void> LogWriter::finish() { return active_ == nullptr ? Result<void>() : end_segment(); }

Result<void> LogWriter::write(std::span<const BatchRef> group) {
  headers_.resize(group.size() * kRecordHeaderBytes);
  std::vector<std::span<const std::byte>> pieces;
  pieces.reserve(group.size() * 3);
  const std::uint32_t seed = seed_of(active_->header);
  std::uint64_t bytes = 0;
  std::span<std::byte> at(headers_);
  for (const BatchRef& batch : group) {
    RecordHeader header;
    header.length = static_cast<std::uint32_t>(batch->frame().size());
    header.number = next_number_.after(static_cast<std::uint64_t>(pieces.size() / 3));
    header.first = batch->first_sequence();
    header.events = static_cast<std::uint32_t>(batch->size());
    header.received_us = batch->received_us();
    header.source = batch->origin().source;
    header.batch = batch->origin().number;
    header.age_ms = milliseconds_of(batch->origin().age_us);
    header.more = batch->origin().more;
    const auto place = at.first(kRecordHeaderBytes);
    write_record_header(header, batch->frame(), seed, place);
    at = at.subspan(kRecordHeaderBytes);
    const std::uint64_t whole = record_bytes(header.length);
    pieces.push_back(place);
    pieces.push_back(batch->frame());
    pieces.push_back(std::span(kPadding).first(whole - kRecordHeaderBytes - header.length));
    bytes += whole;
  }
  if (auto written = active_->file->write_at(active_->bytes, pieces); !written) return written;
  next_number_ = next_number_.after(group.size());
  if (active_->bytes - active_->marked >= kMarkBytes) {
    const Batch& first = *group.front();
    catalog_.mark(active_->header.ordinal,
                  {active_->bytes, first.first_sequence(), first.received_us()});
    active_->marked = active_->bytes;
  }
  active_->bytes += bytes;
  tail_.bytes = active_->bytes;
  tail_.end = group.back()->first_sequence().after(group.back()->size());
  tail_.newest_us = group.back()->received_us();
  return {};
}

void LogWriter::note_passed(const Batch& batch) {
  tail_.passed += batch.size();
  tail_.passed_to = {batch.epoch(), batch.first_sequence().after(batch.size())};
}

void LogWriter::note(std::span<const BatchRef> group) {
  for (const BatchRef& batch : group) {
    ++figures_.batches;
    figures_.events += batch->size();
    figures_.bytes += batch->frame().size();
    note_passed(*batch);
    unsynced_.push_back(batch);
    unsynced_bytes_ += batch->frame().size();
  }
}

LogWriter::Outcome LogWriter::fail_with(const Error& error) {
  error_ = error;
  ++figures_.write_failures;
  return Outcome::failed;
}

LogWriter::Outcome LogWriter::append(std::span<const BatchRef> group, std::int64_t now_us) {
  XYLEM_CHECK(!group.empty(), "a group has batches");
  if (suspect_) return Outcome::failed;
  std::uint64_t bytes = kRecordHeaderBytes;  // for the end
  for (const BatchRef& batch : group) bytes += record_bytes(batch->frame().size());
  if (active_ && active_->bytes + bytes > options_.segment_bytes) {
    if (auto ended = end_segment(); !ended) return fail_with(ended.error());
  }
  if (!active_) {
    trim(now_us);
    const Room room = make_room();
    if (room == Room::full) return Outcome::full;
    if (room == Room::dropped) {
      for (const BatchRef& batch : group) {
        note_passed(*batch);
        tail_.dropped += batch->size();
        figures_.dropped_newest += batch->size();
      }
      show();
      return Outcome::dropped;
    }
    Result<void> begun = begin_segment(*group.front());
    // A disk that others have filled: what nobody needs makes room.
    while (!begun && begun.error().code == ErrorCode::no_space && remove_oldest(false)) {
      begun = begin_segment(*group.front());
    }
    if (!begun) return fail_with(begun.error());
  }
  if (auto written = write(group); !written) return fail_with(written.error());
  note(group);
  show();
  return Outcome::written;
}

Result<void> LogWriter::sync() {
  if (suspect_) return rewrite_unsynced();
  if (active_ == nullptr || unsynced_.empty()) return {};
  ++figures_.syncs;
  if (auto synced = active_->file->sync(); !synced) {
    ++figures_.sync_failures;
    error_ = synced.error();
    suspect_ = std::move(active_);
    return rewrite_unsynced();
  }
  on_synced();
  return {};
}

void LogWriter::on_synced() {
  active_->synced_bytes = active_->bytes;
  active_->synced_end = tail_.end;
  for (const BatchRef& batch : unsynced_) {
    const BatchOrigin& origin = batch->origin();
    if (origin.source.value == 0) continue;
    note_source(origin.source, origin.number, batch->received_us(), synced_sources_);
  }
  if (synced_sources_.size() > kSourcesMax) {
    forget_sources(synced_sources_, kSourcesMax, tail_.newest_us, kSourceAgeUs);
  }
  unsynced_.clear();
  unsynced_bytes_ = 0;
}

// Once all of it is on the disk elsewhere, the segment whose sync failed loses it: of what stands
// twice, the first could be the damaged one.
Result<void> LogWriter::rewrite_unsynced() {
  // A batch keeps its number: who has sent it on by that must know it again.
  const RecordNumber next = next_number_;
  next_number_ = {next.value - unsynced_.size()};
  Result<void> done = begin_segment(*unsynced_.front());
  if (done) done = write(unsynced_);
  next_number_ = next;
  if (done) done = active_->file->sync();
  if (!done) {
    ++figures_.sync_failures;
    error_ = done.error();
    if (active_) give_up_segment();
    return done;
  }
  on_synced();
  show();
  if (suspect_->file->truncate(suspect_->synced_bytes)) {
    catalog_.cut(suspect_->header.ordinal, suspect_->synced_end, suspect_->synced_bytes);
  }
  suspect_.reset();
  return {};
}

// Nothing is in it that is not elsewhere or in memory.
void LogWriter::give_up_segment() {
  static_cast<void>(disk_.remove(segment_name(active_->header.ordinal)));
  active_.reset();
  catalog_.remove_newest();
}

void LogWriter::show() { catalog_.show(tail_); }

}  // namespace xylem
