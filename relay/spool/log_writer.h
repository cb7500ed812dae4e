#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "relay/base/clock.h"
#include "relay/base/result.h"
#include "relay/event/batch.h"
#include "relay/event/source_place.h"
#include "relay/spool/disk.h"
#include "relay/spool/log_catalog.h"
#include "relay/spool/log_recovery.h"

namespace xylem {

// What happens when the spool's quota is used up by what a consumer still needs; what nobody needs
// goes first in any case.
enum class SpoolOverflow : std::uint8_t { drop_oldest, drop_newest, block };
[[nodiscard]] std::string_view name_of(SpoolOverflow overflow);
// The word of the configuration. Errors: bad_configuration, listing the words.
[[nodiscard]] Result<SpoolOverflow> parse_spool_overflow(std::string_view name);

// Appends batches to the log: segments one after the other, a quota over them, and what to do when
// the disk will not. No thread, no clock. One owner thread. docs/spool.md draws the files.
class LogWriter {
 public:
  struct Options {
    std::uint64_t bytes_max = std::uint64_t{1} << 30;       // of all segments
    std::uint64_t segment_bytes = std::uint64_t{64} << 20;  // of one
    Duration age_max = std::chrono::hours(24);
    SpoolOverflow overflow = SpoolOverflow::drop_oldest;
  };
  struct Figures {
    std::uint64_t batches = 0;
    std::uint64_t events = 0;
    std::uint64_t bytes = 0;
    std::uint64_t dropped_newest = 0;  // events
    std::uint64_t syncs = 0;
    std::uint64_t write_failures = 0;
    std::uint64_t sync_failures = 0;
    std::uint64_t segments_removed = 0;
  };

  // `newest` is the newest record number that anybody knows of; the recovered log's, or later.
  // Disk and catalog must outlive the writer.
  LogWriter(const Options& options, Disk& disk, LogCatalog& catalog, const RecoveredLog& recovered,
            RecordNumber newest);

  enum class Outcome : std::uint8_t {
    written,  // all of it is in a file
    dropped,  // the quota's policy let go of it, and counted it
    full,     // the quota's policy is to wait; the same is to be offered again
    failed    // the disk said no (error()); likewise
  };
  // REQUIRES stamped batches of one epoch, in order, that follow those offered before, and all
  // pieces of a frame if it has one of them. Nobody reads any of them before all are written.
  [[nodiscard]] Outcome append(std::span<const BatchRef> group, std::int64_t now_us);
  // On success everything written is on the disk. After a failure what was not yet is written anew,
  // to another segment; nothing may be appended before that has succeeded.
  [[nodiscard]] Result<void> sync();
  // No more will come: ends the segment, so that recovery need not read it.
  [[nodiscard]] Result<void> finish();
  // Lets go of segments that are too old.
  void trim(std::int64_t now_us);

  // Bytes written since the last sync, which are held in memory until the next.
  [[nodiscard]] std::uint64_t unsynced_bytes() const { return unsynced_bytes_; }
  [[nodiscard]] const Error& error() const { return error_; }
  [[nodiscard]] const Figures& figures() const { return figures_; }
  [[nodiscard]] std::uint64_t total_bytes() const;

 private:
  struct Active {
    std::unique_ptr<File> file;
    SegmentHeader header;
    std::uint64_t bytes = 0;
    std::uint64_t marked = 0;  // where the record begins that the catalog was last told of
    // As of the last sync that held.
    std::uint64_t synced_bytes = 0;
    Sequence synced_end;
  };
  [[nodiscard]] Result<void> write(std::span<const BatchRef> group);
  [[nodiscard]] Result<void> begin_segment(const Batch& first);
  [[nodiscard]] Result<void> end_segment();
  [[nodiscard]] Result<void> rewrite_unsynced();
  void give_up_segment();
  void on_synced();
  enum class Room : std::uint8_t { enough, dropped, full };
  [[nodiscard]] Room make_room();
  [[nodiscard]] bool remove_oldest(bool even_if_needed);
  void note(std::span<const BatchRef> group);
  void note_passed(const Batch& batch);
  void show();
  Outcome fail_with(const Error& error);

  Options options_;
  Disk& disk_;
  LogCatalog& catalog_;
  std::uint64_t next_ordinal_;
  RecordNumber next_number_;
  // How far each source has come on the disk: a segment begins with what is safe. What is not would
  // be taken for had, and refused, should the power fail right then. Bounded by number and age.
  SourcePlaces synced_sources_;
  std::unique_ptr<Active> active_;
  LogCatalog::Tail tail_;
  std::vector<BatchRef> unsynced_;
  std::uint64_t unsynced_bytes_ = 0;
  // Its sync failed, and what it was to sync is not yet elsewhere.
  std::unique_ptr<Active> suspect_;
  // A segment that could not be begun could not be removed either, and stands in its own way.
  bool left_over_ = false;
  std::vector<std::byte> headers_;  // reused between groups
  Error error_{ErrorCode::io, ""};
  Figures figures_;
};

}  // namespace xylem
