#include "relay/spool/log_consumer.h"

#include <utility>

#include "relay/base/log.h"

namespace xylem {
namespace {

LogPosition begin_of(const LogReader::Entry& entry) {
  return {entry.batch->epoch(), entry.batch->first_sequence()};
}
LogPosition end_of(const LogReader::Entry& entry) {
  return {entry.batch->epoch(), entry.batch->first_sequence().after(entry.batch->size())};
}

}  // namespace

Result<void> LogConsumer::open() {
  XYLEM_TRY(file_, CursorFile::open(spool_.disk(), cursor_name_));
  if (file_->found()) cursor_ = *file_->found();
  // The log's writer may begin before start(), and would let go of what nobody needs.
  read_ = cursor_.position;
  need(read_);
  return {};
}

void LogConsumer::start() {
  reader_ = spool_.reader();
  reader_->seek(read_.epoch, read_.sequence);
  const LogCatalog::Account account = spool_.catalog().account();
  held_at_start_ = account.unread - (account.passed - account.dropped);
}

std::optional<LogReader::Entry> LogConsumer::next() {
  if (ahead_.empty()) read_ahead();
  if (ahead_.empty()) return std::nullopt;
  LogReader::Entry entry = std::move(ahead_.front());
  ahead_.pop_front();
  ahead_events_ -= entry.batch->size();
  read_ = end_of(entry);
  return entry;
}

std::optional<LogReader::Entry> LogConsumer::next_in_order() {
  if (behind_hole_) return std::exchange(behind_hole_, std::nullopt);
  return reader_->next();
}

// What is missing in between is to be counted, so a group ends at a hole.
void LogConsumer::read_ahead() {
  bool any = true;
  while (any && ahead_.empty()) {
    any = false;
    for (std::size_t bytes = 0; bytes < kAheadBytes && ahead_.size() < kAheadBatches;) {
      auto entry = next_in_order();
      if (!entry) break;
      if (any && begin_of(*entry) != end_of(ahead_.back())) {
        behind_hole_ = std::move(entry);
        break;
      }
      any = true;
      bytes += entry->batch->frame().size();
      ahead_events_ += entry->batch->size();
      ahead_.push_back(std::move(*entry));
    }
    if (any) claim_ahead();
  }
}

void LogConsumer::claim_ahead() {
  const LogCatalog::Claim claim =
      spool_.catalog().claim(begin_of(ahead_.front()), end_of(ahead_.back()));
  passed_over_ += claim.passed_over;
  for (; !ahead_.empty() && end_of(ahead_.front()) <= claim.from; ahead_.pop_front()) {
    ahead_events_ -= ahead_.front().batch->size();
    read_ = end_of(ahead_.front());
  }
}

void LogConsumer::save(const CursorFile::Cursor& cursor) {
  if (file_->found() && cursor.position == file_->found()->position &&
      cursor.source == file_->found()->source) {
    return;
  }
  need(cursor.position);
  cursor_ = cursor;
  const auto saved = file_->save(cursor);
  if (!saved && !save_fails_) {
    XYLEM_LOG(warning, "{}: {}; a later life will begin further back", cursor_name_,
              saved.error().message);
  }
  if (saved && save_fails_) XYLEM_LOG(info, "{}: saved again", cursor_name_);
  save_fails_ = !saved;
}

void LogConsumer::account(Ledger& ledger, std::uint64_t in_memory) const {
  const LogCatalog::Account account = spool_.catalog().account();
  ledger.held = account.unread + ahead_events_ + in_memory;
  ledger.dropped[static_cast<std::size_t>(DropReason::spool_quota)] = account.dropped;
  ledger.dropped[static_cast<std::size_t>(DropReason::spool_damaged)] = passed_over_;
  ledger.accepted = held_at_start_ + account.passed;
}

}  // namespace xylem
