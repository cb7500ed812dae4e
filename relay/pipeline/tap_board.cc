#include "relay/pipeline/tap_board.h"

#include <algorithm>
#include <map>

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

std::shared_ptr<TapEntry> TapBoard::add(std::string name, std::string filter, std::string overflow,
                                        std::int64_t now_us) {
  auto entry = std::make_shared<TapEntry>();
  entry->name = std::move(name);
  entry->filter = std::move(filter);
  entry->overflow = std::move(overflow);
  const std::lock_guard lock(mutex_);
  entry->series = series_for(entry->name, now_us);
  ++series_[entry->series].present;
  entries_.push_back(entry);
  return entry;
}

const std::string& TapBoard::series_for(const std::string& name, std::int64_t now_us) {
  static const std::string kOthers = "(others)";
  // One that may have been shown at the last scrape must not begin anew at the next.
  const std::int64_t unseen_since_us = now_us - kSeriesKeptUs;
  std::erase_if(series_, [&](const auto& named) {
    return named.first != kOthers && named.first != name && named.second.is_over(unseen_since_us);
  });
  const std::size_t names = series_.size() - series_.count(kOthers);
  return series_.contains(name) || names < kTapsShown ? name : kOthers;
}

void TapBoard::retire(const std::shared_ptr<TapEntry>& entry, std::int64_t now_us) {
  const std::lock_guard lock(mutex_);
  const TapFigures last = entry->figures.read();
  Series& series = series_[entry->series];
  add_to(series.gone, last);
  --series.present;
  series.left_at_us = now_us;
  add_to(gone_, last);
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

std::map<std::string, TapFigures> TapBoard::by_series(std::int64_t now_us) const {
  std::map<std::string, TapFigures> sums;
  for (const auto& [name, series] : series_) {
    if (!series.is_over(now_us)) add_to(sums[name], series.gone);
  }
  for (const auto& entry : entries_) add_to(sums[entry->series], entry->figures.read());
  return sums;
}

void TapBoard::sample(Samples& samples, std::int64_t now_us) const {
  std::map<std::string, TapFigures> shown;
  TapFigures sum;
  {
    const std::lock_guard lock(mutex_);
    shown = by_series(now_us);
    sum = gone_;
    for (const auto& entry : entries_) add_to(sum, entry->figures.read());
  }
  sample_sink(samples, sum);
  for (const auto& [name, figures] : shown) {
    const auto add = [&, &tap = name](Metric metric, double value) {
      samples.push_back({metric, value, {{"sink", sink_}, {"tap", tap}}});
    };
    const Ledger& ledger = figures.ledger;
    add(Metric::tap_accepted, static_cast<double>(ledger.accepted));
    add(Metric::tap_delivered, static_cast<double>(ledger.delivered));
    add(Metric::tap_filtered, static_cast<double>(ledger.filtered));
    add(Metric::tap_held, static_cast<double>(ledger.held));
    add(Metric::tap_held_bytes, static_cast<double>(figures.held_bytes));
    add(Metric::tap_delivered_bytes, static_cast<double>(figures.delivered_bytes));
    const std::int64_t oldest = figures.oldest_held_us;
    add(Metric::tap_lag, oldest == 0 ? 0 : static_cast<double>(now_us - oldest) / 1e6);
    for (std::size_t i = 0; i < kDropReasonCount; ++i) {
      samples.push_back({Metric::tap_dropped,
                         static_cast<double>(ledger.dropped[i]),
                         {{"sink", sink_},
                          {"tap", name},
                          {"reason", std::string(name_of(static_cast<DropReason>(i)))}}});
    }
  }
}

void TapBoard::sample_sink(Samples& samples, const TapFigures& sum) const {
  const auto add = [&](Metric metric, std::uint64_t value) {
    samples.push_back({metric, static_cast<double>(value), {{"sink", sink_}}});
  };
  add(Metric::sink_accepted, sum.ledger.accepted);
  add(Metric::sink_delivered, sum.ledger.delivered);
  add(Metric::sink_filtered, sum.ledger.filtered);
  add(Metric::sink_held, sum.ledger.held);
  add(Metric::sink_delivered_bytes, sum.delivered_bytes);
  for (std::size_t i = 0; i < kDropReasonCount; ++i) {
    samples.push_back(
        {Metric::sink_dropped,
         static_cast<double>(sum.ledger.dropped[i]),
         {{"sink", sink_}, {"reason", std::string(name_of(static_cast<DropReason>(i)))}}});
  }
}

}  // namespace xylem
