#include "relay/pipeline/tap_board.h"

#include <algorithm>
#include <map>

#include "relay/base/clock.h"

namespace xylem {
namespace {

void add_to(TapFigures& sum, const TapFigures& more) {
  sum.ledger += more.ledger;
  sum.held_bytes += more.held_bytes;
  sum.delivered_bytes += more.delivered_bytes;
  if (more.oldest_held_us != 0) {
    sum.oldest_held_us = sum.oldest_held_us == 0
                             ? more.oldest_held_us
                             : std::min(sum.oldest_held_us, more.oldest_held_us);
  }
}

}  // namespace

std::shared_ptr<TapEntry> TapBoard::add(std::string name, std::string filter,
                                        std::string overflow) {
  auto entry = std::make_shared<TapEntry>();
  entry->name = std::move(name);
  entry->filter = std::move(filter);
  entry->overflow = std::move(overflow);
  const std::lock_guard lock(mutex_);
  entries_.push_back(entry);
  return entry;
}

void TapBoard::retire(const std::shared_ptr<TapEntry>& entry) {
  const std::lock_guard lock(mutex_);
  add_to(gone_, entry->figures.read());
  any_gone_ = true;
  std::erase(entries_, entry);
}

std::vector<TapBoard::Row> TapBoard::rows() const {
  const std::lock_guard lock(mutex_);
  std::vector<Row> rows;
  for (const auto& entry : entries_) {
    rows.push_back({sink_, entry->name, entry->filter, entry->overflow, entry->figures.read()});
  }
  if (any_gone_) rows.push_back({sink_, "(gone)", "", "", gone_});
  return rows;
}

void TapBoard::sample(Samples& samples, std::int64_t now_us) const {
  std::map<std::string, TapFigures> by_label;  // subscribers may share a name; their sum is shown
  for (const Row& row : rows()) {
    const bool own_label = by_label.size() < kTapsShown || by_label.contains(row.name);
    add_to(by_label[own_label ? row.name : "(others)"], row.figures);
  }
  for (const auto& [name, figures] : by_label) {
    const auto add = [&](Metric metric, double value) {
      samples.push_back({metric, value, {{"sink", sink_}, {"tap", name}}});
    };
    const Ledger& ledger = figures.ledger;
    add(Metric::tap_accepted, static_cast<double>(ledger.accepted));
    add(Metric::tap_delivered, static_cast<double>(ledger.delivered));
    add(Metric::tap_filtered, static_cast<double>(ledger.filtered));
    add(Metric::tap_held, static_cast<double>(ledger.held));
    add(Metric::tap_held_bytes, static_cast<double>(figures.held_bytes));
    add(Metric::tap_delivered_bytes, static_cast<double>(figures.delivered_bytes));
    const std::int64_t oldest = figures.oldest_held_us;
    add(Metric::tap_lag,
        oldest == 0 ? 0 : static_cast<double>(clipped_difference(now_us, oldest)) / 1e6);
    for (std::size_t i = 0; i < kDropReasonCount; ++i) {
      samples.push_back({Metric::tap_dropped,
                         static_cast<double>(ledger.dropped[i]),
                         {{"sink", sink_},
                          {"tap", name},
                          {"reason", std::string(name_of(static_cast<DropReason>(i)))}}});
    }
  }
}

}  // namespace xylem
