#include "relay/event/ledger.h"

#include <numeric>

#include "relay/base/check.h"

namespace xylem {

std::string_view name_of(DropReason reason) {
  switch (reason) {
    case DropReason::overflow_oldest: return "overflow_oldest";
    case DropReason::overflow_newest: return "overflow_newest";
    case DropReason::disconnected: return "disconnected";
    case DropReason::subscriber_full: return "subscriber_full";
    case DropReason::stopping: return "stopping";
    case DropReason::spool_quota: return "spool_quota";
    case DropReason::spool_damaged: return "spool_damaged";
    case DropReason::too_large: return "too_large";
    case DropReason::stale: return "stale";
    case DropReason::unroutable: return "unroutable";
    case DropReason::invalid: return "invalid";
    case DropReason::refused: return "refused";
  }
  return "unknown";
}

std::uint64_t Ledger::dropped_total() const {
  return std::accumulate(dropped.begin(), dropped.end(), std::uint64_t{0});
}

void Ledger::drop_held(DropReason reason, std::uint64_t events) {
  XYLEM_CHECK(events <= held, "only held events can be dropped");
  held -= events;
  dropped[static_cast<std::size_t>(reason)] += events;
}

Ledger& Ledger::operator+=(const Ledger& other) {
  accepted += other.accepted;
  delivered += other.delivered;
  filtered += other.filtered;
  held += other.held;
  for (std::size_t i = 0; i < dropped.size(); ++i) dropped[i] += other.dropped[i];
  return *this;
}

}  // namespace xylem
