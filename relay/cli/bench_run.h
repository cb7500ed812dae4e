#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

#include "relay/base/result.h"
#include "relay/cli/bench.h"
#include "relay/cli/bench_carrier.h"
#include "relay/cli/bench_window.h"

namespace xylem::cli {

// Forks the producers and subscribers of a run, lets them go together, and collects what they say.
// `broker` is the process whose CPU time and memory are counted with those of its descendants; 0:
// none. REQUIRES a caller without threads. Errors: timed_out, when nothing comes through; io.
[[nodiscard]] Result<BenchResult> run_bench(const BenchOptions& options, BenchCarrier& carrier,
                                            pid_t broker);

// What a child of the run shares with the others.
struct BenchPlace {
  std::size_t number;  // of this producer or subscriber
  int fd;  // a producer waits for a byte on it; a subscriber says by one that it receives
  BenchWindow& window;  // of the whole run
};
[[nodiscard]] ProducerResult run_producer(const BenchOptions& options, BenchCarrier& carrier,
                                          const BenchPlace& place);
[[nodiscard]] SinkResult run_sink(const BenchOptions& options, BenchCarrier& carrier,
                                  const BenchPlace& place);

}  // namespace xylem::cli
