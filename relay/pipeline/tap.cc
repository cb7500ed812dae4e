#include "relay/pipeline/tap.h"

#include <algorithm>

#include "relay/base/check.h"

namespace xylem {
namespace {

// What a queued batch costs besides its frame, so that a queue of tiny batches is bounded as well.
constexpr std::uint64_t kBatchOverheadBytes = 256;

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

  const bool refuse = full() && (options_.overflow == Overflow::drop_newest ||
                                 options_.overflow == Overflow::disconnect);
  if (refuse) {
    overrun_ = options_.overflow == Overflow::disconnect;
    ledger_.dropped[static_cast<std::size_t>(DropReason::overflow_newest)] += events;
    const Gap gap = gap_of(*matched);
    auto* last = items_.empty() ? nullptr : std::get_if<Gap>(&items_.back());
    if (last != nullptr) {
      merge(*last, gap);
    } else {
      items_.emplace_back(gap);
    }
    return;
  }
  while (full() && options_.overflow == Overflow::drop_oldest) let_go_of_oldest();
  items_.emplace_back(matched);
  ledger_.held += events;
  held_bytes_ += cost_of(*matched);
}

void Tap::let_go_of_oldest() {
  Gap gap{};
  if (const auto* earlier = std::get_if<Gap>(&items_.front())) {
    gap = *earlier;
    items_.pop_front();
  }
  const Batch& oldest = *std::get<BatchRef>(items_.front());
  ledger_.drop_held(DropReason::overflow_oldest, oldest.size());
  held_bytes_ -= cost_of(oldest);
  const Gap more = gap_of(oldest);
  if (gap.count == 0) {
    gap = more;
  } else {
    merge(gap, more);
  }
  items_.front() = gap;
}

void Tap::delivered() {
  if (const auto* batch = std::get_if<BatchRef>(&items_.front())) {
    ledger_.held -= (*batch)->size();
    ledger_.delivered += (*batch)->size();
    held_bytes_ -= cost_of(**batch);
    delivered_bytes_ += (*batch)->frame().size();
  }
  items_.pop_front();
}

std::optional<Gap> Tap::abandon(DropReason reason) {
  std::optional<Gap> all;
  for (const Item& item : items_) {
    const auto* batch = std::get_if<BatchRef>(&item);
    const Gap gap = batch != nullptr ? gap_of(**batch) : std::get<Gap>(item);
    if (all) {
      merge(*all, gap);
    } else {
      all = gap;
    }
  }
  ledger_.drop_held(reason, ledger_.held);
  held_bytes_ = 0;
  items_.clear();
  return all;
}

std::int64_t Tap::oldest_held_us() const {
  for (const Item& item : items_) {
    if (const auto* batch = std::get_if<BatchRef>(&item)) return (*batch)->received_us();
  }
  return 0;
}

}  // namespace xylem
