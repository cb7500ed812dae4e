#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "relay/event/ledger.h"
#include "relay/spool/cursor_file.h"
#include "relay/spool/log_reader.h"
#include "relay/spool/spool.h"

namespace xylem {

// The one who takes what is in the log elsewhere: reads on from where it was in an earlier life,
// says how much of the log it still needs, and keeps the account of what came by, what waits and
// what was let go of before it was read. One owner thread. docs/spool.md has the cursor.
class LogConsumer {
 public:
  // `cursor_name` is its file's name in the spool. The spool must outlive the consumer.
  LogConsumer(Spool& spool, std::string cursor_name)
      : spool_(spool), cursor_name_(std::move(cursor_name)) {}

  // Reads the cursor; what is behind it stays from now on, if the quota allows. Before the log is
  // written to. Errors: io, no_space.
  [[nodiscard]] Result<void> open();
  // As it was found, or as of the last save; `position` is where the log is read from.
  [[nodiscard]] const CursorFile::Cursor& cursor() const { return cursor_; }
  // Before anything is read.
  void start();

  // The next batch that is to be taken on, or nothing just now. What of it was let go of meanwhile
  // is not given, and counted.
  [[nodiscard]] std::optional<LogReader::Entry> next();
  [[nodiscard]] bool has_more() const {
    return !ahead_.empty() || behind_hole_ || reader_->has_more();
  }
  // Behind the last batch that was given, or passed over.
  [[nodiscard]] const LogPosition& read() const { return read_; }

  // Everything before `done` is where it was to go; what is behind stays, if the quota allows.
  void need(const LogPosition& done) { spool_.catalog().need({done, read_}); }
  // For the next life, where a death of this one could come; nothing if it would say the same.
  void save(const CursorFile::Cursor& cursor);

  // What the log says: accepted, held and dropped by it. `in_memory` events were given by next(),
  // and are neither delivered nor dropped yet.
  void account(Ledger& ledger, std::uint64_t in_memory) const;

 private:
  // The catalog's mutex is taken once for so much of the log.
  static constexpr std::size_t kAheadBatches = 64;
  static constexpr std::size_t kAheadBytes = std::size_t{256} << 10;

  void read_ahead();
  [[nodiscard]] std::optional<LogReader::Entry> next_in_order();
  void claim_ahead();

  Spool& spool_;
  std::string cursor_name_;
  std::optional<CursorFile> file_;
  CursorFile::Cursor cursor_;
  std::unique_ptr<LogReader> reader_;
  LogPosition read_;
  std::deque<LogReader::Entry> ahead_;  // claimed, and not given yet; bounded as above
  std::uint64_t ahead_events_ = 0;
  std::optional<LogReader::Entry> behind_hole_;  // not claimed yet
  std::uint64_t held_at_start_ = 0;
  std::uint64_t passed_over_ = 0;
  bool save_fails_ = false;  // which is said once
};

}  // namespace xylem
