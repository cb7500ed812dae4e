#pragma once

#include <memory>
#include <string>

#include "relay/base/result.h"
#include "relay/spool/disk.h"
#include "relay/spool/log_catalog.h"
#include "relay/spool/log_reader.h"
#include "relay/spool/log_recovery.h"
#include "relay/spool/log_writer.h"

namespace xylem {

// A relay's log on disk as it was found at start: the directory, held against other relays, what is
// in it, and the catalog that the writer and the readers share. docs/spool.md draws the files.
class Spool {
 public:
  // Errors: refused (somebody holds it; a newer program wrote it; the quota is larger than the
  // volume; `stop_asked` said yes), io. What was set aside is logged.
  [[nodiscard]] static Result<std::unique_ptr<Spool>> open(const std::string& directory,
                                                           const LogWriter::Options& options,
                                                           const StopAsked& stop_asked = {});
  // The same over a disk of the caller's.
  [[nodiscard]] static Result<std::unique_ptr<Spool>> open(std::unique_ptr<Disk> disk,
                                                           const LogWriter::Options& options,
                                                           const StopAsked& stop_asked = {});

  // Once, before anything is taken in: the epoch of this life. Later than any before, whatever
  // became of the clock, and on the disk before anybody sees it; the log alone would not do,
  // because subscribers may have seen events of an epoch of which nothing was written. Errors: io,
  // no_space; an epoch given twice would have subscribers pass over events as known.
  [[nodiscard]] Result<Epoch> begin_epoch(std::int64_t wall_us);

  // When the newest event that was found was taken in; 0 without one. Time goes on from there,
  // whatever became of the clock.
  [[nodiscard]] std::int64_t newest_us() const;

  [[nodiscard]] Disk& disk() { return *disk_; }
  [[nodiscard]] LogCatalog& catalog() { return catalog_; }
  [[nodiscard]] const RecoveredLog& recovered() const { return recovered_; }
  [[nodiscard]] const LogWriter::Options& options() const { return options_; }
  // Any thread; each reader for one.
  [[nodiscard]] std::unique_ptr<LogReader> reader() {
    return std::make_unique<LogReader>(*disk_, catalog_);
  }
  // Likewise, for somebody who has others to read for.
  [[nodiscard]] std::unique_ptr<LogReader> reader(std::uint64_t pass_bytes) {
    return std::make_unique<LogReader>(*disk_, catalog_, pass_bytes);
  }

 private:
  Spool(std::unique_ptr<Disk> disk, const LogWriter::Options& options)
      : disk_(std::move(disk)), options_(options) {}

  std::unique_ptr<Disk> disk_;
  LogWriter::Options options_;
  LogCatalog catalog_;
  RecoveredLog recovered_;
};

}  // namespace xylem
