#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "relay/base/check.h"
#include "relay/spool/cursor_file.h"
#include "relay/spool/log_writer.h"
#include "relay/spool/spool.h"
#include "tests/doubles/log_grammar.h"
#include "tests/doubles/simulated_disk.h"

namespace xylem::testing {

// A start over whatever a writer and a disk may have left: what is read is what was written, in
// order and without damage all of it; and the log goes on.
class LogRun {
 public:
  explicit LogRun(Chance& chance) : chance_(chance), disk_(1) {
    options_.segment_bytes = 512 * chance.between(2, 20);
    options_.bytes_max = std::uint64_t{1} << 30;
    options_.age_max = Duration::max();
    disk_.faults().write_back_one_in = 0;
  }

  // Empty, or what does not hold. `raw` stands in the place of a segment's records, if it is any.
  std::string run(std::span<const std::byte> raw = {}) {
    LogGrammar grammar(chance_);
    for (std::size_t left = chance_.below(4); left > 0; --left)
      segments_.push_back(grammar.segment());
    for (const LogGrammar::Segment& segment : segments_) {
      for (const LogGrammar::Written& batch : segment.batches) written_[batch.place] = batch.said;
    }
    expect();
    for (const LogGrammar::Segment& segment : segments_) {
      store(segment_name(segment.header.ordinal), damaged(segment));
    }
    if (!raw.empty()) store_raw(raw);
    if (std::string fault = fault_of_cursor(); !fault.empty()) return fault;
    if (std::string fault = fault_of_start(); !fault.empty()) return "at the start: " + fault;
    if (std::string fault = go_on(); !fault.empty()) return fault;
    found_before_ = found_;
    if (std::string fault = fault_of_start(); !fault.empty()) return "at the next start: " + fault;
    if (found_ == found_before_) return "";
    return "another start reads something else: " + places(found_before_) + "became " +
           places(found_);
  }

  [[nodiscard]] std::size_t read() const { return found_.size(); }
  [[nodiscard]] bool was_damaged() const { return damaged_; }

 private:
  using Found = std::map<LogGrammar::Place, std::string>;

  static std::string places(const Found& found) {
    std::string text;
    for (const auto& [place, said] : found) {
      text += std::to_string(place.first) + ":" + std::to_string(place.second) + " ";
    }
    return text;
  }

  void store(const std::string& name, const Bytes& bytes) {
    const auto mounted = disk_.mount();
    auto file = mounted->create(name).value();
    const std::span<const std::byte> piece(bytes);
    XYLEM_CHECK(file->write_at(0, {&piece, 1}) && file->sync() && mounted->sync(), "a sound disk");
  }

  // What must be read if nothing is damaged: all but the pieces of a frame that is not whole, and
  // what stands behind the first of them, at the end of a segment that was not ended.
  void expect() {
    for (const LogGrammar::Segment& segment : segments_) {
      std::size_t whole = 0;
      std::size_t open = SIZE_MAX;
      const auto& batches = segment.batches;
      for (; whole < batches.size(); ++whole) {
        if (batches[whole].more) open = std::min(open, whole);
        if (batches[whole].closes) open = SIZE_MAX;
      }
      if (!segment.ended) whole = std::min(whole, open);
      for (std::size_t i = 0; i < whole; ++i) expected_[batches[i].place] = batches[i].said;
    }
  }

  Bytes damaged(const LogGrammar::Segment& segment) {
    Bytes bytes = segment.bytes;
    if (chance_.below(3) != 2) return bytes;
    damaged_ = true;
    for (std::size_t times = chance_.between(1, 3); times > 0; --times) damage(bytes);
    return bytes;
  }
  void damage(Bytes& bytes) {
    const std::size_t at = chance_.below(bytes.size() + 1);
    switch (chance_.below(5)) {
      case 0: bytes.resize(at); break;
      case 1:
        if (at < bytes.size()) bytes[at] ^= static_cast<std::byte>(1U << chance_.below(8));
        break;
      case 2:
        for (std::size_t i = at; i < std::min(bytes.size(), at + 512); ++i) bytes[i] = {};
        break;
      case 3: bytes.resize(bytes.size() + chance_.below(600), static_cast<std::byte>(0xA5)); break;
      default: {
        // A piece of a segment, this one or another, where it does not belong.
        const Bytes& other = segments_[chance_.below(segments_.size())].bytes;
        const std::size_t from = chance_.below(other.size()) / 8 * 8;
        const auto begin = other.begin() + static_cast<std::ptrdiff_t>(from);
        bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(at / 8 * 8), begin,
                     begin + static_cast<std::ptrdiff_t>(chance_.below(other.size() - from + 1)));
      }
    }
  }
  void store_raw(std::span<const std::byte> raw) {
    damaged_ = true;
    const std::uint64_t ordinal = segments_.size() + 1;
    Bytes bytes = bytes_of(raw);
    if (chance_.one_in(2)) {
      bytes.insert(bytes.begin(), kSegmentHeaderBytes, std::byte{});
      write_segment_header({ordinal, {1'000}, {1}, 0}, bytes);
    }
    store(segment_name(ordinal), bytes);
  }

  // A cursor is one that was saved, or none.
  std::string fault_of_cursor() {
    const CursorFile::Cursor cursor{{chance_.any()}, {chance_.any()}, {{chance_.any()}, {1}}};
    const auto mounted = disk_.mount();
    const std::size_t saves = chance_.below(4);
    {
      auto file = CursorFile::open(*mounted, "upstream.cursor").value();
      for (std::size_t n = 0; n < saves; ++n) XYLEM_CHECK(file.save(cursor), "a sound disk");
    }
    const bool flipped = chance_.one_in(2) && saves != 0 &&
                         disk_.flip_bit("upstream.cursor", chance_.below(1024 * 8));
    const auto found = CursorFile::open(*mounted, "upstream.cursor").value().found();
    if (!flipped && found.has_value() != (saves != 0)) return "a cursor that is lost or made up";
    if (saves > 1 && !found) return "a cursor that one bit has cost both its slots";
    const bool same = !found || (found->source == cursor.source && found->number == cursor.number &&
                                 found->position == cursor.position);
    return same ? "" : "a cursor that nobody saved";
  }

  std::string fault_of_start() {
    found_.clear();
    const auto looked = verify_log(*disk_.mount());
    auto spool = Spool::open(disk_.mount(), options_);
    if (!looked || !spool)
      return "it does not start: " + (looked ? spool.error() : looked.error()).message;
    const auto reader = (*spool)->reader();
    reader->seek({}, {});
    LogGrammar::Place last{0, 0};
    while (const BatchRef batch = reader->read()) {
      const LogGrammar::Place place{batch->epoch().value, batch->first_sequence().value};
      if (place <= last) return "not in order";
      last = place;
      const auto known = written_.find(place);
      if (known == written_.end() || known->second != said(*batch)) return "never written";
      found_[place] = known->second;
    }
    if (!damaged_ && found_ != expected_) {
      return "of " + std::to_string(expected_.size()) + " sound batches it reads " +
             std::to_string(found_.size());
    }
    return "";
  }

  // A new life writes on.
  std::string go_on() {
    auto spool = Spool::open(disk_.mount(), options_).value();
    const auto epoch = spool->begin_epoch(1);
    if (!epoch || *epoch <= spool->recovered().newest_epoch) return "no later epoch";
    LogWriter writer(options_, spool->disk(), spool->catalog(), spool->recovered(), {});
    std::uint64_t next = 1;
    for (std::size_t left = chance_.below(4); left > 0; --left) {
      auto made = batch_of("task.sent", chance_.between(1, 3), chance_.below(900));
      const BatchRef batch = stamped(std::move(made), next, epoch->value);
      if (writer.append({&batch, 1}, 2'000'000'000'000'000) != LogWriter::Outcome::written) {
        return "nothing can be written";
      }
      const LogGrammar::Place place{epoch->value, next};
      written_[place] = expected_[place] = found_[place] = said(*batch);
      next += batch->size();
    }
    return writer.sync() ? "" : "nothing can be synced";
  }

  Chance& chance_;
  SimulatedDisk disk_;
  LogWriter::Options options_;
  std::vector<LogGrammar::Segment> segments_;
  Found written_;
  Found expected_;
  Found found_;
  Found found_before_;
  bool damaged_ = false;
};

}  // namespace xylem::testing
