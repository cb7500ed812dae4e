#pragma once

#include <cstdint>
#include <map>
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
  std::string series;  // the tap label under which /metrics counts it
};

// The taps of one sink as others may see them. The sink adds and retires entries when subscribers
// come and go and publishes figures once per cycle; readers take copies. The mutex guards the list
// alone, never a batch (docs/decisions/0003).
class TapBoard {
 public:
  explicit TapBoard(std::string sink) : sink_(std::move(sink)) {}

  // How long /metrics shows a name that no tap has any more.
  static constexpr std::int64_t kSeriesKeptUs = 10LL * 60 * 1'000'000;

  // Sink thread. `now_us` is the wall clock in microseconds; taps that stay need none.
  std::shared_ptr<TapEntry> add(std::string name, std::string filter, std::string overflow,
                                std::int64_t now_us = 0);
  // REQUIRES that its last figures are published.
  void retire(const std::shared_ptr<TapEntry>& entry, std::int64_t now_us);

  // Any thread.
  struct Row {
    std::string sink;
    std::string name;
    std::string filter;
    std::string overflow;
    TapFigures figures;
  };
  [[nodiscard]] std::vector<Row> rows() const;  // the present ones, then "(gone)" if any left
  // What the sink's taps have counted, those that are gone too, as a whole and by name. A counter
  // only rises for as long as its series is shown: taps of one name share a series, which goes on
  // when they leave and come back, and ends some time after the last of them. Names beyond
  // kTapsShown share "(others)", so that subscribers cannot flood the metrics.
  void sample(Samples& samples, std::int64_t now_us) const;

 private:
  static constexpr std::size_t kTapsShown = 64;
  struct Series {
    TapFigures gone;  // what its former taps counted
    std::size_t present = 0;
    std::int64_t left_at_us = 0;  // when the last tap left, if none is present
    [[nodiscard]] bool is_over(std::int64_t now_us) const {
      return present == 0 && now_us - left_at_us > kSeriesKeptUs;
    }
  };
  [[nodiscard]] const std::string& series_for(const std::string& name, std::int64_t now_us);
  [[nodiscard]] std::map<std::string, TapFigures> by_series(std::int64_t now_us) const;
  void sample_sink(Samples& samples, const TapFigures& sum) const;

  std::string sink_;
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<TapEntry>> entries_;
  std::map<std::string, Series> series_;  // kTapsShown and "(others)" at most
  TapFigures gone_;
  bool any_gone_ = false;
};

}  // namespace xylem
