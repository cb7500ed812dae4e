#include "relay/history/way_back.h"

#include <algorithm>
#include <utility>

#include "relay/codec/batch_split.h"

namespace xylem {
namespace {

// The events of a batch from this one on.
BatchRef rest_of(const BatchRef& batch, Sequence from) {
  if (batch->first_sequence() == from) return batch;
  return BatchRef(events_from(*batch, from));
}

// Reviews after which a helping goes if others need its memory.
constexpr int kReviewsMax = 2;

}  // namespace

WayBack::WayBack(Epoch epoch, const Retention& retention, HistoryLink* history,
                 const TopicFilter& filter)
    : now_(epoch), retention_(retention), history_(history), filter_(filter), place_{epoch, {1}} {}

void WayBack::leave_log() {
  if (reader_ != 0) history_->close(std::exchange(reader_, 0));
  taken_ = 0;
  reviews_ = 0;
}

HistoryOrder WayBack::order(HistoryOrder::What what) const {
  HistoryOrder made;
  made.what = what;
  made.place = place_;
  made.filter = filter_;
  return made;
}

void WayBack::begin_at(Epoch epoch, Sequence sequence) {
  place_ = {epoch, std::max(sequence, Sequence{1})};
  // From the future of this epoch, or from an epoch to come: a clock was set back. The oldest that
  // is known is the safe place, since events may come twice but must not be missed. Without a log
  // nothing is known of other epochs, and all of this one is news.
  const bool unknown = history_ == nullptr && epoch != now_;
  if (place_ > present() || unknown) place_ = {now_, {1}};
}

void WayBack::begin_since(std::int64_t since_us) {
  const Sequence in_memory = retention_.since(since_us);
  place_ = {now_, in_memory};
  if (history_ == nullptr) {
    // Some of what lies before the first that is kept was asked for; how much is not known.
    if (retention_.let_go_since(since_us)) place_.sequence = {1};
    return;
  }
  const bool memory_reaches_back =
      in_memory > retention_.first() || retention_.first() == Sequence{1};
  if (memory_reaches_back && since_us >= static_cast<std::int64_t>(now_.value)) return;
  sought_ = in_memory;
  HistoryOrder search = order(HistoryOrder::What::begin_since);
  search.since_us = since_us;
  reader_ = history_->begin(std::move(search));
}

bool WayBack::has_begun() {
  if (!sought_) return true;
  const HistoryHelping* helping = history_->helping(reader_);
  if (helping == nullptr) return false;
  // Memory may begin earlier: the log's quota let go of what came first.
  place_ = {now_, *std::exchange(sought_, std::nullopt)};
  if (helping->begin && *helping->begin < place_) {
    place_ = *helping->begin;
  } else {
    leave_log();
  }
  return true;
}

bool WayBack::has_next() const {
  if (!sought_) {
    if (in_memory()) return place_ != present();
    if (history_ == nullptr || reader_ == 0) return true;
  }
  return history_->helping(reader_) != nullptr;
}

std::optional<WayBack::Piece> WayBack::next() {
  if (!has_begun()) return std::nullopt;
  if (in_memory()) {
    leave_log();
    return from_memory();
  }
  return history_ == nullptr ? gap_before_memory() : from_log();
}

std::optional<WayBack::Piece> WayBack::from_memory() {
  if (place_ == present()) return std::nullopt;
  const BatchRef batch = rest_of(retention_.at(place_.sequence), place_.sequence);
  const std::uint64_t events = batch->size();
  place_.sequence = place_.sequence.after(events);
  return Piece{batch, std::nullopt, events};
}

std::optional<WayBack::Piece> WayBack::gap_before_memory() {
  const Sequence first = retention_.first();
  const Gap gap{now_, place_.sequence, {first.value - 1}, 0, GapReason::retention};
  place_ = {now_, first};
  return Piece{{}, gap};
}

std::optional<WayBack::Piece> WayBack::from_log() {
  if (reader_ == 0) {
    reader_ = history_->begin(order(HistoryOrder::What::begin_at));
    return std::nullopt;
  }
  HistoryHelping* helping = history_->helping(reader_);
  if (helping == nullptr) return std::nullopt;
  if (taken_ < helping->pieces.size()) return take(helping->pieces[taken_++]);
  history_->go_on(reader_);
  taken_ = 0;
  reviews_ = 0;
  return std::nullopt;
}

std::optional<WayBack::Piece> WayBack::take(HistoryPiece& piece) {
  place_ = std::max(place_, piece.begin);  // an epoch may have ended without a word
  if (in_memory()) {
    leave_log();
    return from_memory();
  }
  if (piece.gap && piece.gap->epoch == now_ && piece.gap->last >= retention_.first()) {
    // Not all of it is missing: the log has let go of what memory still has.
    leave_log();
    return gap_before_memory();
  }
  // The log's writer may be ahead of this thread.
  place_ = std::min(piece.end, present());
  return Piece{std::move(piece.batch), piece.gap, piece.events, true};
}

void WayBack::review(bool moved) {
  if (sought_ || reader_ == 0 || history_->helping(reader_) == nullptr) return;
  ++reviews_;
  if (!moved || (reviews_ >= kReviewsMax && history_->is_short())) leave_log();
}

}  // namespace xylem
