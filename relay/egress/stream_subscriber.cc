#include "relay/egress/stream_subscriber.h"

#include <fmt/format.h>

namespace xylem {
namespace {

// Of a piece of the past that no filter is held against: about a microsecond.
constexpr std::size_t kPieceCost = 1024;

}  // namespace

void StreamSubscriber::forget_consumed() {
  while (!under_way.empty() && under_way.front().first <= session.consumed_bytes()) {
    under_way.pop_front();
  }
}

std::uint64_t StreamSubscriber::events_under_way() const {
  std::uint64_t events = 0;
  for (const auto& [end, count] : under_way) events += count;
  return events;
}

Alive StreamSubscriber::alive(Epoch now, Sequence next) const {
  if (!welcomed) return {now, next, {}, {}};
  if (tap.empty()) {
    return behind ? Alive{now, next, behind->place().epoch, behind->place().sequence}
                  : Alive{now, next, now, next};
  }
  if (const auto* gap = std::get_if<Gap>(&tap.front())) return {now, next, gap->epoch, gap->first};
  const Batch& batch = *std::get<BatchRef>(tap.front());
  return {now, next, batch.epoch(), batch.sequence_of(batch.entries().front())};
}

std::size_t StreamSubscriber::catch_up(TapSet& taps) {
  if (!may_catch_up()) return 0;
  const auto piece = behind->next();
  if (!piece) return 0;
  moved_ = true;
  if (piece->gap) {
    tap.note(*piece->gap);
    return kPieceCost;
  }
  const TapSet::Selected selected = piece->selected ? TapSet::Selected{piece->batch}
                                                    : taps.select(session.filter(), piece->batch);
  tap.offer(piece->events, selected.batch);
  return kPieceCost + selected.cost;
}

std::string StreamSubscriber::how_far_behind(std::int64_t wall_us) const {
  const double lag_s = static_cast<double>(clipped_difference(wall_us, tap.oldest_held_us())) / 1e6;
  return fmt::format("{} events, {} bytes of {}, {:.1f} s behind", tap.ledger().held,
                     tap.held_bytes(), tap.options().bytes_max, lag_s);
}

StreamSubscriber::Complaint StreamSubscriber::review(Instant now, Duration block_deadline,
                                                     Live live) {
  if (behind) behind->review(std::exchange(moved_, false));
  if (!tap.blocks() || behind || live == Live::flows) {
    blocked_since_.reset();
  } else if (!blocked_since_) {
    blocked_since_ = now;
  } else if (block_deadline != Duration(0) && now - *blocked_since_ >= block_deadline) {
    blocked_since_.reset();
    return Complaint::blocked;
  }
  // It is said once, and again only after it has been well in between.
  const std::uint64_t bytes_max = tap.options().bytes_max;
  if (tap.held_bytes() < bytes_max / 4) slow_ = false;
  if (slow_ || behind || tap.held_bytes() < bytes_max / 2) return Complaint::none;
  slow_ = true;
  return Complaint::slow;
}

}  // namespace xylem
