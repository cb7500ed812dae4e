// Question: what does one hop through a ring cost per batch handle, by the length of runs that are
//           pushed and popped together, when both ends share a core's cache?
// Premise:  as much comes out as went in; otherwise the run is void.

#include <benchmark/benchmark.h>

#include <vector>

#include "relay/ring/doorbell.h"
#include "relay/ring/spsc_ring.h"

namespace {

void hop(benchmark::State& state) {
  xylem::SpscRing<void*> ring(256);
  auto [producer, consumer] = ring.split();
  std::vector<void*> run(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    if (producer.push(std::span<void* const>(run)) != run.size() ||
        consumer.pop(run) != run.size()) {
      state.SkipWithError("something was lost");
    }
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(hop)->Arg(1)->Arg(4)->Arg(16)->Arg(64);

void ring_the_bell_of_one_awake(benchmark::State& state) {
  xylem::Doorbell bell;
  for (auto _ : state) bell.ring();
}
void ring_the_bell_of_one_asleep(benchmark::State& state) {
  xylem::Doorbell bell;
  for (auto _ : state) {
    bell.will_sleep();
    bell.ring();
    bell.woke();
  }
}
BENCHMARK(ring_the_bell_of_one_awake);
BENCHMARK(ring_the_bell_of_one_asleep);

}  // namespace
