#include "relay/spool/log_consumer.h"

#include "relay/base/log.h"

namespace xylem {

Result<void> LogConsumer::open() {
  XYLEM_TRY(file_, CursorFile::open(spool_.disk(), cursor_name_));
  if (file_->found()) cursor_ = *file_->found();
  return {};
}

void LogConsumer::start() {
  read_ = cursor_.position;
  reader_ = spool_.reader();
  reader_->seek(read_.epoch, read_.sequence);
  need(read_);
  const LogCatalog::Account account = spool_.catalog().account();
  held_at_start_ = account.unread - (account.passed - account.dropped);
}

std::optional<LogReader::Entry> LogConsumer::next() {
  while (auto entry = reader_->next()) {
    const Batch& batch = *entry->batch;
    const LogPosition begin{batch.epoch(), batch.first_sequence()};
    read_ = {batch.epoch(), batch.first_sequence().after(batch.size())};
    const LogCatalog::Claim claim = spool_.catalog().claim(begin, read_);
    passed_over_ += claim.passed_over;
    if (claim.granted) return entry;
  }
  return std::nullopt;
}

void LogConsumer::save(const CursorFile::Cursor& cursor) {
  if (file_->found() && cursor.position == file_->found()->position &&
      cursor.source == file_->found()->source) {
    return;
  }
  need(cursor.position);
  cursor_ = cursor;
  if (auto saved = file_->save(cursor); !saved) {
    XYLEM_LOG(warning, "{}: {}", cursor_name_, saved.error().message);
  }
}

void LogConsumer::account(Ledger& ledger, std::uint64_t in_memory) const {
  const LogCatalog::Account account = spool_.catalog().account();
  ledger.held = account.unread + in_memory;
  ledger.dropped[static_cast<std::size_t>(DropReason::spool_quota)] = account.dropped;
  ledger.dropped[static_cast<std::size_t>(DropReason::spool_damaged)] = passed_over_;
  ledger.accepted = held_at_start_ + account.passed;
}

}  // namespace xylem
