#include "relay/pipeline/tap.h"

#include <algorithm>

#include "relay/base/check.h"

namespace xylem {
namespace {

// What a queued batch costs besides its frame, so that a queue of tiny batches is bounded as well.
constexpr std::uint64_t kBatchOverheadBytes = 256;

// A gap whose count is not known stays one of its own, or the sum would claim to be exact.
bool can_merge(const Gap& a, const Gap& b) { return a.epoch == b.epoch && a.reason == b.reason; }

void merge(Gap& into, const Gap& gap) {
  into.first = std::min(into.first, gap.first);
  into.last = std::max(into.last, gap.last);
  into.count += gap.count;
}

}  // namespace

Gap Tap::gap_of(const Batch& batch) {
  return {batch.epoch(), batch.sequence_of(batch.entries().front()),
          batch.sequence_of(batch.entries().back()), batch.size(), GapReason::overflow};
}

std::uint64_t Tap::cost_of(const Batch& batch) {
  return batch.frame().size() + kBatchOverheadBytes;
}

void Tap::offer(std::uint64_t offered, const BatchRef& matched) {
  const std::uint64_t events = matched ? matched->size() : 0;
  XYLEM_CHECK(events <= offered, "a filter adds nothing");
  ledger_.accepted += offered;
  ledger_.filtered += offered - events;
  if (events == 0) return;

  const Overflow policy_now = policy();
  const bool refuse =
      full() && (policy_now == Overflow::drop_newest || policy_now == Overflow::disconnect);
  if (refuse) {
    overrun_ = policy_now == Overflow::disconnect;
    ledger_.dropped[static_cast<std::size_t>(DropReason::overflow_newest)] += events;
    const Gap gap = gap_of(*matched);
    auto* last = items_.empty() ? nullptr : std::get_if<Gap>(&items_.back());
    if (last != nullptr && can_merge(*last, gap)) {
      merge(*last, gap);
    } else {
      items_.emplace_back(gap);
    }
    return;
  }
  while (full() && policy_now == Overflow::drop_oldest) let_go_of_oldest();
  items_.emplace_back(matched);
  ledger_.held += events;
  held_bytes_ += cost_of(*matched);
  ++held_batches_;
  held_memory_ += matched->footprint();
  if (memory_ != nullptr) memory_->hold(*matched, *account_);
}

bool Tap::can_be_squeezed(std::uint64_t batches) const {
  if (squeezed_ && !lets_go()) return false;
  return held_batches_ > batches && held_memory_ > share();
}

void Tap::squeeze() {
  switch (policy()) {
    case Overflow::drop_oldest: return let_go_of_oldest();
    case Overflow::drop_newest: return let_go_of_newest();
    default: squeezed_ = true;
  }
}

void Tap::forget(const Batch& batch) {
  held_bytes_ -= cost_of(batch);
  --held_batches_;
  held_memory_ -= batch.footprint();
  if (memory_ != nullptr) memory_->let_go(batch, *account_);
  if (squeezed_ && held_memory_ <= share()) squeezed_ = false;
}

// Gaps may stand before it.
void Tap::let_go_of_oldest() {
  const auto at = std::find_if(items_.begin(), items_.end(), [](const Item& item) {
    return std::holds_alternative<BatchRef>(item);
  });
  let_go(at, DropReason::overflow_oldest);
}

// And behind it.
void Tap::let_go_of_newest() {
  const auto at = std::find_if(items_.rbegin(), items_.rend(), [](const Item& item) {
    return std::holds_alternative<BatchRef>(item);
  });
  let_go(std::prev(at.base()), DropReason::overflow_newest);
}

// A gap takes its place, together with those beside it.
void Tap::let_go(std::deque<Item>::iterator at, DropReason reason) {
  const Batch& batch = *std::get<BatchRef>(*at);
  ledger_.drop_held(reason, batch.size());
  forget(batch);
  Gap gap = gap_of(batch);
  const auto* behind = std::next(at) == items_.end() ? nullptr : std::get_if<Gap>(&*std::next(at));
  if (behind != nullptr && can_merge(gap, *behind)) {
    merge(gap, *behind);
    at = std::prev(items_.erase(std::next(at)));
  }
  auto* before = at == items_.begin() ? nullptr : std::get_if<Gap>(&*std::prev(at));
  if (before != nullptr && can_merge(*before, gap)) {
    merge(*before, gap);
    items_.erase(at);
  } else {
    *at = gap;
  }
}

void Tap::delivered() {
  if (const auto* batch = std::get_if<BatchRef>(&items_.front())) {
    ledger_.held -= (*batch)->size();
    ledger_.delivered += (*batch)->size();
    forget(**batch);
    delivered_bytes_ += (*batch)->frame().size();
  }
  items_.pop_front();
}

std::vector<Gap> Tap::abandon(DropReason reason) {
  std::vector<Gap> gaps;
  for (const Item& item : items_) {
    const auto* batch = std::get_if<BatchRef>(&item);
    const Gap gap = batch != nullptr ? gap_of(**batch) : std::get<Gap>(item);
    if (batch != nullptr) forget(**batch);
    if (!gaps.empty() && can_merge(gaps.back(), gap)) {
      merge(gaps.back(), gap);
    } else {
      gaps.push_back(gap);
    }
  }
  ledger_.drop_held(reason, ledger_.held);
  items_.clear();
  return gaps;
}

std::int64_t Tap::oldest_held_us() const {
  for (const Item& item : items_) {
    if (const auto* batch = std::get_if<BatchRef>(&item)) return (*batch)->received_us();
  }
  return 0;
}

}  // namespace xylem
