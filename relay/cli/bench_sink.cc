#include <unistd.h>

#include <algorithm>
#include <utility>

#include "relay/cli/bench_run.h"

namespace xylem::cli {
namespace {

// Ends a run in which nothing has come for a while.
class Patience {
 public:
  Patience(const Clock& clock, double seconds)
      : clock_(clock),
        limit_(std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds))),
        since_(clock.now()),
        asked_(since_) {}
  [[nodiscard]] bool is_over(std::uint64_t progress) {
    const Instant now = clock_.now();
    // Who has not asked for so long was stopped, and starts anew.
    const bool was_stopped = now - std::exchange(asked_, now) > std::chrono::seconds(1);
    if (std::exchange(progress_, progress) != progress || was_stopped) since_ = now;
    return now - since_ > limit_;
  }

 private:
  const Clock& clock_;
  Duration limit_;
  Instant since_;
  Instant asked_;
  std::uint64_t progress_ = 0;
};

std::vector<std::string> patterns_of(const BenchOptions& options, std::size_t sink) {
  std::vector<std::string> patterns{options.patterns[sink]};
  for (std::size_t i = 0; i < options.extra_patterns; ++i)
    patterns.push_back("task.never-" + std::to_string(i) + ".*");
  return patterns;
}

}  // namespace

SinkResult run_sink(const BenchOptions& options, BenchCarrier& carrier, const BenchPlace& place) {
  const SystemClock clock;
  const auto filter = TopicFilter::parse({options.patterns[place.number]});
  const bool stalls = place.number + options.stalled >= options.patterns.size();
  const auto sink = carrier.sink(patterns_of(options, place.number), stalls);
  SinkResult result;
  result.failed = 1;
  if (!filter || sink == nullptr) return result;
  BenchAccounts accounts(options, *filter, clock);
  // Who was stalled gets what waited for it at once, or never.
  Patience patience(clock, stalls ? std::min(options.patience_s, 3.0) : options.patience_s);
  bool said = false;
  bool cut_off = false;
  if (stalls) place.window.leave(place.number);
  while (!(said && accounts.complete()) && !patience.is_over(accounts.progress())) {
    cut_off = !sink->receive(accounts, std::chrono::milliseconds(100));
    if (cut_off) break;
    if (!stalls && options.window_events != 0)
      place.window.reached(place.number, accounts.reached());
    if (accounts.is_warm() && !std::exchange(said, true)) {
      [[maybe_unused]] const auto written = ::write(place.fd, "r", 1);
    }
  }
  place.window.leave(place.number);
  result = accounts.finish();
  result.cut_off = cut_off && !accounts.complete() ? 1 : 0;
  return result;
}

}  // namespace xylem::cli
