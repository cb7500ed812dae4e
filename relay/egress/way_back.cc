#include "relay/egress/way_back.h"

#include <utility>

#include "relay/base/check.h"
#include "relay/codec/batch_split.h"

namespace xylem {

WayBack::WayBack(Epoch epoch, const Retention& retention, std::unique_ptr<LogHistory> log)
    : now_(epoch), retention_(retention), log_(std::move(log)), epoch_(epoch) {}

void WayBack::begin_at(Epoch epoch, Sequence sequence) {
  epoch_ = epoch;
  next_ = sequence;
  // From the future of this epoch, or from an epoch to come: a clock was set back. The oldest that
  // is known is the safe place, since events may come twice but must not be missed.
  if (epoch > now_ || (epoch == now_ && sequence > retention_.next())) {
    epoch_ = now_;
    next_ = {1};
  }
  if (in_memory()) return;
  if (log_ != nullptr) {
    log_->seek(epoch_, next_);
  } else if (epoch_ != now_) {
    // Nothing is known of other epochs; all of this one is news.
    epoch_ = now_;
    next_ = {1};
  }
}

void WayBack::begin_since(std::int64_t since_us) {
  next_ = retention_.since(since_us);
  if (log_ == nullptr) {
    // Some of what lies before the first that is kept was asked for; how much is not known.
    if (retention_.let_go_since(since_us)) next_ = {1};
    return;
  }
  const bool memory_reaches_back = next_ > retention_.first() || retention_.first() == Sequence{1};
  if (memory_reaches_back && since_us >= static_cast<std::int64_t>(now_.value)) return;
  log_->seek(since_us);
  // The first record says where it begins.
  waiting_ = log_->read();
  if (!waiting_) return;
  // Memory may begin earlier: the log's quota let go of what came first.
  if (waiting_->epoch() != now_ || waiting_->first_sequence() < next_) {
    epoch_ = waiting_->epoch();
    next_ = waiting_->first_sequence();
  }
  if (log_->reaches(since_us)) return;
  // Older ones were asked for, too: of this epoch, or, if none of it is gone, of one before, of
  // which nothing is known.
  if (next_ == Sequence{1}) epoch_ = {epoch_.value - 1};
  next_ = {1};
}

std::optional<WayBack::Piece> WayBack::next() {
  if (in_memory()) return from_memory();
  return log_ == nullptr ? gap_before_memory() : from_log();
}

void WayBack::go_on_in_memory() {
  waiting_ = {};
  log_->seek(epoch_, next_);
}

std::optional<WayBack::Piece> WayBack::from_memory() {
  if (next_ == retention_.next()) return std::nullopt;
  return pass(retention_.at(next_));
}

WayBack::Piece WayBack::gap_before_memory() {
  const Sequence first = retention_.first();
  const Gap gap{epoch_, next_, {first.value - 1}, 0, GapReason::retention};
  next_ = first;
  return {{}, gap};
}

std::optional<WayBack::Piece> WayBack::from_log() {
  for (;;) {
    BatchRef batch = waiting_ ? std::exchange(waiting_, {}) : log_->read();
    if (!batch) return std::nullopt;
    const Sequence first = batch->first_sequence();
    const Sequence end = first.after(batch->size());
    if (batch->epoch() < epoch_ || (batch->epoch() == epoch_ && end <= next_)) continue;
    if (batch->epoch() == epoch_) {
      if (first <= next_) return pass(batch);
      if (epoch_ == now_ && first > retention_.first()) {
        // Not everything before it is missing: the log has let go of what memory still has.
        std::optional<Piece> gap;
        if (next_ < retention_.first()) gap = gap_before_memory();
        go_on_in_memory();
        return gap ? gap : from_memory();
      }
      const Gap gap{epoch_, next_, {first.value - 1}, 0, GapReason::retention};
      next_ = first;
      waiting_ = std::move(batch);
      return Piece{{}, gap};
    }
    waiting_ = std::move(batch);
    if (const Sequence known = log_->end_of(epoch_); next_ < known) {
      const Gap gap{epoch_, next_, {known.value - 1}, 0, GapReason::retention};
      next_ = known;
      return Piece{{}, gap};
    }
    if (!log_->reaches(epoch_, next_) && log_->end_of(epoch_) == Sequence{}) {
      // It may have ended anywhere, and others may have come and gone.
      const Gap gap{epoch_, next_, {}, 0, GapReason::retention};
      epoch_ = waiting_->epoch();
      next_ = {1};
      return Piece{{}, gap};
    }
    // The epoch before ended here; what its sources were not told to have arrived, they sent again
    // in this one.
    epoch_ = waiting_->epoch();
    next_ = {1};
  }
}

WayBack::Piece WayBack::pass(const BatchRef& batch) {
  const bool whole = batch->first_sequence() == next_;
  const Sequence from = next_;
  next_ = batch->first_sequence().after(batch->size());
  if (whole) return {batch, std::nullopt};
  return {BatchRef(events_from(*batch, from)), std::nullopt};
}

}  // namespace xylem
