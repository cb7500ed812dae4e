#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "relay/base/clock.h"
#include "relay/base/ids.h"
#include "relay/cli/bench.h"
#include "relay/cli/bench_event.h"
#include "relay/event/topic_filter.h"

namespace xylem::cli {

// What one subscriber has received, by the numbers of every (producer, type): each must be the next
// one. Carriers hand it whatever comes, also what the subscriber did not ask for.
class BenchAccounts {
 public:
  BenchAccounts(const BenchOptions& options, const TopicFilter& filter, const Clock& clock);

  // What is taken from here on came now.
  void now_is() { now_ns_ = clock_.now().since_boot.count(); }
  // True if latency is what the run is for: then now_is() is worth its price for every event.
  [[nodiscard]] bool is_paced() const { return paced_; }
  // What is taken from here on is of this life of the relay.
  void epoch_is(Epoch epoch);
  // One event, or a JSON list of them under kBenchListKey.
  void take(std::string_view key, std::string_view body);
  // So many will not come, as the relay says.
  void gap(std::uint64_t events) { result_.gapped += events; }

  [[nodiscard]] bool is_warm() const { return warm_; }  // a warm-up event has come
  [[nodiscard]] bool complete() const { return progress() >= result_.expected; }
  [[nodiscard]] std::uint64_t progress() const { return result_.received + result_.gapped; }
  // How far into each producer's events it has come, for the window.
  [[nodiscard]] std::vector<std::uint64_t> reached() const;
  [[nodiscard]] SinkResult finish();

 private:
  void book(const BenchStamp& stamp, std::size_t bytes);

  const Clock& clock_;
  bool paced_;
  bool warm_ = false;
  std::int64_t now_ns_ = 0;
  SinkResult result_;
  std::array<bool, kBenchTypes.size()> wanted_{};
  std::array<std::string_view, kBenchTypes.size()> keys_;
  using Numbers = std::array<std::uint64_t, kBenchTypes.size()>;
  std::vector<Numbers> next_;           // by producer
  std::vector<Numbers> next_in_epoch_;  // the same, of this life of the relay alone
  Epoch epoch_;
  std::vector<BenchStamp> last_;
};

}  // namespace xylem::cli
