// Question: what does it cost to hold an event's JSON against the grammar and find its type, singly
//           and in Celery's lists of 24, at 400 and 4,000 bytes?
// Premise:  every scan finds as many events as were written; otherwise the run is void.

#include <benchmark/benchmark.h>

#include <cstring>

#include "bench/celery_events.h"
#include "relay/codec/celery_json.h"
#include "relay/event/batch.h"

namespace {

using xylem::bench::celery_event;
using xylem::bench::celery_list;

void scan(benchmark::State& state, const std::string& text, std::size_t events) {
  xylem::Slab slab(text.size());
  std::memcpy(slab.begin(), text.data(), text.size());
  const std::string_view placed(reinterpret_cast<const char*>(slab.begin()), text.size());
  xylem::CeleryJson json(xylem::SourceLimits{});
  for (auto _ : state) {
    const auto found = json.scan(placed);
    if (!found || (*found)->events.size() != events) state.SkipWithError("events were not found");
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(events));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}

void scan_single(benchmark::State& state) {
  scan(state, celery_event(static_cast<std::size_t>(state.range(0))), 1);
}
void scan_list_of_24(benchmark::State& state) {
  scan(state, celery_list(24, static_cast<std::size_t>(state.range(0))), 24);
}
BENCHMARK(scan_single)->Arg(400)->Arg(4000);
BENCHMARK(scan_list_of_24)->Arg(400)->Arg(4000);

}  // namespace
