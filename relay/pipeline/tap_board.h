#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "relay/event/ledger.h"
#include "relay/metrics/metric_table.h"
#include "relay/metrics/published.h"

namespace xylem {

// What a tap shows to people: its ledger as of its sink's last cycle, and what does not change.
struct TapFigures {
  Ledger ledger;
  std::uint64_t held_bytes = 0;
  std::uint64_t delivered_bytes = 0;
  std::int64_t oldest_held_us = 0;  // wall clock; 0 if nothing is held
};
struct TapEntry {
  std::string name;
  std::string filter;
  std::string overflow;
  Published<TapFigures> figures;
};

// The taps of one sink as others may see them. The sink adds and retires entries when subscribers
// come and go and publishes figures once per cycle; readers take copies. The mutex guards the list
// alone, never a batch (docs/decisions/0003).
class TapBoard {
 public:
  explicit TapBoard(std::string sink) : sink_(std::move(sink)) {}

  // Sink thread.
  std::shared_ptr<TapEntry> add(std::string name, std::string filter, std::string overflow);
  // Its last figures go into the sum of the taps that are gone.
  void retire(const std::shared_ptr<TapEntry>& entry);

  // Any thread.
  struct Row {
    std::string sink;
    std::string name;
    std::string filter;
    std::string overflow;
    TapFigures figures;
  };
  [[nodiscard]] std::vector<Row> rows() const;  // the present ones, then "(gone)" if any left
  // Taps beyond kTapsShown are summed under one label, so that subscribers cannot flood the
  // metrics.
  void sample(Samples& samples, std::int64_t now_us) const;

 private:
  static constexpr std::size_t kTapsShown = 64;
  std::string sink_;
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<TapEntry>> entries_;
  TapFigures gone_;
  bool any_gone_ = false;
};

}  // namespace xylem
