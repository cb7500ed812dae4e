#include "relay/history/log_walk.h"

#include <utility>

#include "relay/codec/batch_split.h"

namespace xylem {

void LogWalk::begin_at(const LogPosition& place) {
  place_ = place;
  log_->seek(place.epoch, place.sequence);
}

void LogWalk::begin_since(std::int64_t since_us) {
  since_us_ = since_us;
  log_->seek(since_us);
}

// The first record says where it begins.
void LogWalk::found(const Batch& first) {
  place_ = {first.epoch(), first.first_sequence()};
  const bool reaches = log_->reaches(*since_us_);
  since_us_.reset();
  if (reaches) return;
  // Older ones were asked for, too: of this epoch, or, if none of it is gone, of one before, of
  // which nothing is known.
  if (place_.sequence <= Sequence{1}) place_.epoch = {place_.epoch.value - 1};
  place_.sequence = {1};
}

std::optional<LogWalk::Piece> LogWalk::next() {
  for (;;) {
    const LogPosition passed = log_->passed_to();  // before it is read, as more may come meanwhile
    BatchRef batch = waiting_ ? std::exchange(waiting_, {}) : log_->read();
    if (!batch) return log_->has_more() || is_seeking() ? std::nullopt : skip_to(passed);
    if (since_us_) found(*batch);
    const Epoch epoch = batch->epoch();
    const Sequence first = batch->first_sequence();
    const Sequence end = first.after(batch->size());
    if (LogPosition{epoch, end} <= place_) continue;
    if (epoch == place_.epoch && first <= place_.sequence) return pass(batch);
    waiting_ = std::move(batch);
    if (epoch == place_.epoch) return gap_to(first);
    if (auto gap = end_epoch(epoch)) return gap;
    place_ = {epoch, {1}};
  }
}

// What the quota had no room for never comes.
std::optional<LogWalk::Piece> LogWalk::skip_to(const LogPosition& passed) {
  if (passed <= place_) return std::nullopt;
  if (passed.epoch != place_.epoch) {
    if (auto gap = end_epoch(passed.epoch)) return gap;
    place_ = {passed.epoch, {1}};
  }
  return gap_to(passed.sequence);
}

LogWalk::Piece LogWalk::gap_to(Sequence end) {
  const Gap gap{place_.epoch, place_.sequence, {end.value - 1}, 0, GapReason::retention};
  place_.sequence = end;
  return {{}, gap};
}

// What is missing at the end of an epoch, if anything is.
std::optional<LogWalk::Piece> LogWalk::end_epoch(Epoch next) {
  const Sequence known = log_->end_of(place_.epoch);
  if (place_.sequence < known) return gap_to(known);
  // What its sources were not told to have arrived, they sent again in the next one.
  if (known != Sequence{} || log_->reaches(place_.epoch, place_.sequence)) return std::nullopt;
  // It may have ended anywhere, and others may have come and gone.
  const Gap gap{place_.epoch, place_.sequence, {}, 0, GapReason::retention};
  place_ = {next, {1}};
  return Piece{{}, gap};
}

LogWalk::Piece LogWalk::pass(const BatchRef& batch) {
  const Sequence from = place_.sequence;
  place_.sequence = batch->first_sequence().after(batch->size());
  if (batch->first_sequence() == from) return {batch, std::nullopt};
  return {BatchRef(events_from(*batch, from)), std::nullopt};
}

}  // namespace xylem
