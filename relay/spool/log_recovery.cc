#include "relay/spool/log_recovery.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <optional>
#include <utility>

#include "relay/spool/segment_reader.h"
#include "relay/spool/source_records.h"

namespace xylem {
namespace {

constexpr const char* kNewSuffix = ".new";
constexpr const char* kQuarantineSuffix = ".quarantine";
constexpr std::size_t kCopyBytes = std::size_t{1} << 20;
constexpr std::uint64_t kAskBytes = std::uint64_t{1} << 20;  // read between two looks for a stop

// A finished segment's last record, without reading the others.
std::optional<RecordHeader> end_record(File& file, const SegmentHeader& segment,
                                       std::uint64_t bytes) {
  if (bytes < kSegmentHeaderBytes + kRecordHeaderBytes) return std::nullopt;
  std::array<std::byte, kRecordHeaderBytes> last{};
  const auto got = file.read_at(bytes - kRecordHeaderBytes, last);
  if (!got || *got != last.size()) return std::nullopt;
  const auto header = read_record_header(last);
  if (!header || header->kind != RecordKind::end || header->length != 0) return std::nullopt;
  return record_is_sound(last, {}, seed_of(segment)) ? header : std::nullopt;
}

struct Scan {
  SegmentReport report;
  RecordNumber newest;
  std::uint64_t sound_until = kSegmentHeaderBytes;
};

// Pieces of a frame whose last is not there were never read, nor acknowledged: the group that they
// were written with is not whole. So the log ends before them.
class OpenFrame {
 public:
  // `damaged_bytes`: that were passed over so far. Its last may have stood in them.
  void note(const RecordHeader& record, const Scan& before, std::uint64_t damaged_bytes) {
    if (std::exchange(damaged_bytes_, damaged_bytes) != damaged_bytes) before_.reset();
    if (record.more && !before_) before_ = before;
    if (!record.more && record.source.value != 0) before_.reset();
  }
  void cut(Scan& scan) const {
    if (!before_) return;
    const RecordNumber newest = scan.newest;
    scan = *before_;
    scan.newest = newest;
  }

 private:
  std::optional<Scan> before_;
  std::uint64_t damaged_bytes_ = 0;
};

void note_batch(Scan& scan, const RecordHeader& record) {
  SegmentFacts& facts = scan.report.facts;
  facts.end = std::max(facts.end, record.first.after(record.events));
  facts.newest_us = std::max(facts.newest_us, record.received_us);
  ++scan.report.batches;
  scan.report.events += record.events;
}

Result<void> go_on(const StopAsked& stop_asked) {
  if (!stop_asked || !stop_asked()) return {};
  return fail(ErrorCode::refused, "the spool was not read to its end, because of a stop");
}

// The next record of a segment that may be long, on a disk that may be slow.
Result<std::optional<SegmentReader::Record>> next_of(SegmentReader& reader, std::uint64_t bytes,
                                                     const StopAsked& stop_asked) {
  const std::uint64_t before = reader.offset();
  XYLEM_TRY(auto record, reader.next(bytes));
  if (before / kAskBytes != reader.offset() / kAskBytes) {
    if (auto on = go_on(stop_asked); !on) return tl::unexpected(on.error());
  }
  return record;
}

// Every record of a segment.
Result<Scan> scan_segment(SegmentReader& reader, const SegmentFacts& facts,
                          const StopAsked& stop_asked = {}) {
  Scan scan;
  scan.report.facts = facts;
  OpenFrame open;
  for (;;) {
    XYLEM_TRY(const auto record, next_of(reader, facts.bytes, stop_asked));
    if (!record) break;
    if (record->header.kind == RecordKind::batch) {
      open.note(record->header, scan, reader.damaged_bytes());
    }
    scan.sound_until = reader.offset();
    // Also of a life of which nothing else is left, so that its numbers do not come again.
    scan.newest = std::max(scan.newest, record->header.number);
    if (record->header.kind == RecordKind::end) scan.report.finished = true;
    if (record->header.kind == RecordKind::batch) note_batch(scan, record->header);
  }
  if (!scan.report.finished) open.cut(scan);
  scan.report.damaged_bytes = reader.damaged_bytes() + (facts.bytes - scan.sound_until);
  return scan;
}

// What the sources of a segment had sent. False if its first record, which tells what they had sent
// before it, is lost.
Result<bool> add_sources(SegmentReader& reader, std::uint64_t bytes, SourcePlaces& sources,
                         const StopAsked& stop_asked) {
  for (bool told = false;;) {
    XYLEM_TRY(const auto record, next_of(reader, bytes, stop_asked));
    if (!record) return told;
    if (record->header.kind == RecordKind::sources) {
      read_sources(*record, sources);
      told = true;
    }
    const RecordHeader& header = record->header;
    if (header.source.value != 0) {
      note_source(header.source, header.batch, header.received_us, sources);
    }
  }
}

class Recovery {
 public:
  Recovery(Disk& disk, const StopAsked& stop_asked) : disk_(disk), stop_asked_(stop_asked) {}

  Result<RecoveredLog> run() {
    XYLEM_TRY(const std::vector<std::string> names, disk_.list());
    std::vector<std::uint64_t> ordinals;
    for (const std::string& name : names) {
      if (const auto ordinal = segment_ordinal(name)) ordinals.push_back(*ordinal);
      const auto aside = segment_ordinal(name.substr(0, name.find(kQuarantineSuffix)));
      if (aside && name.find(kQuarantineSuffix) != std::string::npos) note_numbers_of(*aside);
    }
    for (const std::uint64_t ordinal : ordinals) {
      if (auto on = go_on(stop_asked_); !on) return tl::unexpected(on.error());
      log_.next_ordinal = std::max(log_.next_ordinal, ordinal + 1);
      if (auto taken = take(ordinal); !taken) return tl::unexpected(taken.error());
    }
    if (auto told = recover_sources(); !told) return tl::unexpected(told.error());
    return std::move(log_);
  }

 private:
  // Mostly the last segment tells; but a relay may have ended while it began one.
  Result<void> recover_sources() {
    for (auto segment = log_.segments.rbegin(); segment != log_.segments.rend(); ++segment) {
      XYLEM_TRY(auto reader, SegmentReader::open(disk_, segment->ordinal));
      XYLEM_TRY(const bool told, add_sources(reader, segment->bytes, log_.sources, stop_asked_));
      if (told) break;
    }
    return {};
  }

  Result<void> take(std::uint64_t ordinal) {
    auto reader = SegmentReader::open(disk_, ordinal);
    if (!reader && reader.error().code == ErrorCode::malformed) {
      return set_aside(ordinal, reader.error().message);
    }
    if (!reader) {
      return fail(reader.error().code,
                  fmt::format("{}: {}", segment_name(ordinal), reader.error().message));
    }
    XYLEM_TRY(auto file, disk_.open(segment_name(ordinal), Disk::Mode::read));
    XYLEM_TRY(const std::uint64_t bytes, file->size());
    const SegmentHeader& header = reader->header();
    SegmentFacts facts{ordinal,           header.epoch, header.first,     header.first,
                       header.created_us, bytes,        header.created_us};
    log_.newest_epoch = std::max(log_.newest_epoch, header.epoch);
    const auto end = end_record(*file, header, bytes);
    if (end) {
      facts.end = end->first;
      facts.newest_us = end->received_us;
      log_.newest = std::max(log_.newest, end->number);
      return add(facts);
    }
    XYLEM_TRY(Scan scan, scan_segment(*reader, facts, stop_asked_));
    if (scan.newest == RecordNumber{}) note_numbers_of(ordinal);
    log_.newest = std::max(log_.newest, scan.newest);
    if (!scan.report.finished) {
      if (auto done = finish(*file, header, scan); !done) return done;
    } else {
      log_.damaged_bytes += scan.report.damaged_bytes;
    }
    return add(scan.report.facts);
  }

  // After a sync that failed its batches were written again, to the next segment. Should the relay
  // have ended right then, each may have what the other has lost.
  Result<void> add(const SegmentFacts& facts) {
    const SegmentFacts* before = log_.segments.empty() ? nullptr : &log_.segments.back();
    if (before == nullptr || before->epoch != facts.epoch || facts.first >= before->end) {
      log_.segments.push_back(facts);
      return {};
    }
    return merge(log_.segments.back(), facts);
  }

  Result<void> merge(SegmentFacts& into, const SegmentFacts& later) {
    std::map<std::uint64_t, SegmentReader::Record> records;
    XYLEM_TRY(const SegmentHeader header, collect(into, records));
    XYLEM_TRY(const SegmentHeader later_header, collect(later, records));
    static_cast<void>(later_header);
    const std::string name = segment_name(into.ordinal);
    static_cast<void>(disk_.remove(name + kNewSuffix));
    XYLEM_TRY(auto anew, disk_.create(name + kNewSuffix));
    std::array<std::byte, kSegmentHeaderBytes> head{};
    write_segment_header(header, head);
    const std::span<const std::byte> piece(head);
    if (auto written = anew->write_at(0, {&piece, 1}); !written) return written;
    into.bytes = head.size();
    RecordNumber newest;
    for (const auto& [first, record] : records) {
      newest = std::max(newest, record.header.number);
      into.end = std::max(into.end, record.header.first.after(record.header.events));
      if (auto written = append(*anew, into, header, record); !written) return written;
    }
    into.newest_us = std::max(into.newest_us, later.newest_us);
    SegmentReader::Record end;
    end.header = {RecordKind::end, 0, newest, into.end, 0, into.newest_us, {}, {}};
    if (auto written = append(*anew, into, header, end); !written) return written;
    if (auto synced = anew->sync(); !synced) return synced;
    if (auto renamed = disk_.rename(name + kNewSuffix, name); !renamed) return renamed;
    if (auto synced = disk_.sync(); !synced) return synced;
    return disk_.remove(segment_name(later.ordinal));
  }

  // Its batches by sequence; those of a later segment replace an earlier one's.
  Result<SegmentHeader> collect(const SegmentFacts& facts,
                                std::map<std::uint64_t, SegmentReader::Record>& records) {
    XYLEM_TRY(auto reader, SegmentReader::open(disk_, facts.ordinal));
    for (;;) {
      XYLEM_TRY(auto record, reader.next(facts.bytes));
      if (!record) return reader.header();
      if (record->header.kind == RecordKind::end) continue;
      // What the sources had sent stands first.
      const bool sources = record->header.kind == RecordKind::sources;
      records.insert_or_assign(sources ? 0 : record->header.first.value, std::move(*record));
    }
  }

  static Result<void> append(File& file, SegmentFacts& facts, const SegmentHeader& header,
                             const SegmentReader::Record& record) {
    std::array<std::byte, kRecordHeaderBytes> head{};
    const std::span<const std::byte> payload(record.payload.begin(), record.header.length);
    write_record_header(record.header, payload, seed_of(header), head);
    constexpr std::array<std::byte, 8> kPadding{};
    const std::uint64_t whole = record_bytes(record.header.length);
    const std::array<std::span<const std::byte>, 3> pieces{
        std::span<const std::byte>(head), payload,
        std::span<const std::byte>(kPadding).first(whole - kRecordHeaderBytes -
                                                   record.header.length)};
    if (auto written = file.write_at(facts.bytes, pieces); !written) return written;
    facts.bytes += whole;
    return {};
  }

  // A relay that died left no end record, maybe half a batch, and nobody knows what of it is on the
  // disk: after a sync that failed the kernel holds pages for clean that are not. So all of it is
  // written anew, and finished as it would have been; the rest that is no record is kept aside.
  Result<void> finish(File& file, const SegmentHeader& header, Scan& scan) {
    SegmentFacts& facts = scan.report.facts;
    const std::uint64_t torn = facts.bytes - scan.sound_until;
    log_.damaged_bytes += scan.report.damaged_bytes - torn;
    bool kept = true;
    if (torn != 0) {
      const auto anything = copy_away(file, facts.ordinal, scan.sound_until, torn);
      // What a full disk does not let be kept aside stays where it is until the next time.
      kept = anything.has_value();
      if (anything.value_or(true)) log_.damaged_bytes += torn;
    }
    facts.bytes = scan.sound_until;
    const RecordHeader end{RecordKind::end, 0, scan.newest, facts.end, 0, facts.newest_us, {}, {}};
    std::array<std::byte, kRecordHeaderBytes> bytes{};
    write_record_header(end, {}, seed_of(header), bytes);
    const std::string name = segment_name(facts.ordinal);
    if (kept && write_anew(file, name, scan.sound_until, bytes)) {
      facts.bytes += kRecordHeaderBytes;
      return {};
    }
    // A disk that is full may let it be written again where it is; it is finished next time.
    static_cast<void>(disk_.remove(name + kNewSuffix));
    XYLEM_TRY(auto same, disk_.open(name, Disk::Mode::write));
    if (auto copied = copy(file, *same, scan.sound_until); !copied) return copied;
    return same->sync();
  }

  static Result<void> copy(File& from, File& to, std::uint64_t bytes) {
    std::vector<std::byte> piece(kCopyBytes);
    for (std::uint64_t at = 0; at < bytes;) {
      const auto want = std::min<std::uint64_t>(piece.size(), bytes - at);
      XYLEM_TRY(const std::size_t got, from.read_at(at, std::span(piece).first(want)));
      if (got != want) return fail(ErrorCode::io, "a segment became shorter while it was read");
      const auto whole = std::span<const std::byte>(piece).first(got);
      if (auto written = to.write_at(at, {&whole, 1}); !written) return written;
      at += got;
    }
    return {};
  }

  Result<void> write_anew(File& file, const std::string& name, std::uint64_t bytes,
                          std::span<const std::byte> end) {
    static_cast<void>(disk_.remove(name + kNewSuffix));
    XYLEM_TRY(auto anew, disk_.create(name + kNewSuffix));
    if (auto copied = copy(file, *anew, bytes); !copied) return copied;
    if (auto written = anew->write_at(bytes, {&end, 1}); !written) return written;
    if (auto synced = anew->sync(); !synced) return synced;
    if (auto renamed = disk_.rename(name + kNewSuffix, name); !renamed) return renamed;
    return disk_.sync();
  }

  // False if there was nothing but zeros, which nobody wrote.
  Result<bool> copy_away(File& file, std::uint64_t ordinal, std::uint64_t from,
                         std::uint64_t bytes) {
    std::vector<std::byte> rest(bytes);
    XYLEM_TRY(const std::size_t got, file.read_at(from, rest));
    rest.resize(got);
    if (std::all_of(rest.begin(), rest.end(), [](std::byte b) { return b == std::byte{0}; })) {
      return false;
    }
    const std::string name = unused(fmt::format("{}.torn-{}", segment_name(ordinal), from));
    XYLEM_TRY(auto aside, disk_.create(name));
    const std::span<const std::byte> piece(rest);
    if (auto written = aside->write_at(0, {&piece, 1}); !written) {
      static_cast<void>(disk_.remove(name));
      return tl::unexpected(written.error());
    }
    log_.set_aside.push_back(
        {name, fmt::format("{} bytes at its end are half a record", rest.size())});
    return true;
  }

  // Which numbers a segment gave that cannot be read is not known, and they may not come again: who
  // takes them elsewhere would take them for those. A life has a segment at least, so that none has
  // counted further than its segments are.
  void note_numbers_of(std::uint64_t ordinal) {
    constexpr std::uint64_t kLivesMax = UINT32_MAX;
    log_.next_ordinal = std::max(log_.next_ordinal, ordinal + 1);
    log_.newest = std::max(log_.newest, {std::min(ordinal, kLivesMax - 1) << 32});
  }

  Result<void> set_aside(std::uint64_t ordinal, const std::string& why) {
    note_numbers_of(ordinal);
    const std::string name = unused(segment_name(ordinal) + kQuarantineSuffix);
    if (auto renamed = disk_.rename(segment_name(ordinal), name); !renamed) return renamed;
    log_.set_aside.push_back({name, why});
    return {};
  }

  std::string unused(const std::string& wanted) {
    const auto names = disk_.list().value_or(std::vector<std::string>());
    std::string name = wanted;
    for (int n = 2; std::find(names.begin(), names.end(), name) != names.end(); ++n) {
      name = fmt::format("{}-{}", wanted, n);
    }
    return name;
  }

  Disk& disk_;
  const StopAsked& stop_asked_;
  RecoveredLog log_;
};

}  // namespace

Result<RecoveredLog> recover_log(Disk& disk, const StopAsked& stop_asked) {
  return Recovery(disk, stop_asked).run();
}

Result<std::vector<SegmentReport>> verify_log(Disk& disk) {
  XYLEM_TRY(const std::vector<std::string> names, disk.list());
  std::vector<SegmentReport> reports;
  for (const std::string& name : names) {
    const auto ordinal = segment_ordinal(name);
    if (!ordinal) continue;
    SegmentReport unreadable;
    unreadable.facts.ordinal = *ordinal;
    auto reader = SegmentReader::open(disk, *ordinal);
    if (!reader) {
      unreadable.problem = reader.error().message;
      reports.push_back(unreadable);
      continue;
    }
    XYLEM_TRY(auto file, disk.open(name, Disk::Mode::read));
    XYLEM_TRY(const std::uint64_t bytes, file->size());
    const SegmentHeader& header = reader->header();
    const SegmentFacts facts{*ordinal,          header.epoch, header.first,     header.first,
                             header.created_us, bytes,        header.created_us};
    XYLEM_TRY(const Scan scan, scan_segment(*reader, facts));
    reports.push_back(scan.report);
  }
  return reports;
}

}  // namespace xylem
