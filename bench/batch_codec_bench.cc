// Question: what do writing a batch, verifying a received one and gathering a part of it cost per
// event
//           of 400 bytes, as the batch grows?
// Premise:  a batch that was written is accepted when read; otherwise the run is void.

#include <benchmark/benchmark.h>

#include <cstring>

#include "bench/celery_events.h"
#include "relay/codec/batch_builder.h"
#include "relay/codec/batch_codec.h"

namespace {

constexpr std::string_view kKeys[] = {"task.received", "task.started", "task.succeeded",
                                      "worker.heartbeat"};

void fill(xylem::BatchBuilder& builder, const std::string& body, std::int64_t events) {
  for (std::int64_t i = 0; i < events; ++i) {
    std::memcpy(builder.place(body.size()), body.data(), body.size());
    builder.add(kKeys[i % 4], body.size(), 1);
  }
}

xylem::BatchBuilder roomy_builder() { return {std::size_t{8} << 20, {std::size_t{9} << 20}}; }

void write(benchmark::State& state) {
  const std::string body = xylem::bench::celery_event(400);
  xylem::BatchBuilder builder = roomy_builder();
  for (auto _ : state) {
    fill(builder, body, state.range(0));
    benchmark::DoNotOptimize(builder.finish());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

void read(benchmark::State& state) {
  xylem::BatchBuilder builder = roomy_builder();
  fill(builder, xylem::bench::celery_event(400), state.range(0));
  const auto batch = builder.finish();
  const xylem::SourceLimits limits{std::size_t{8} << 20, std::size_t{64} << 10};
  for (auto _ : state) {
    auto copy = xylem::read_batch(batch->frame(), limits);
    if (!copy) state.SkipWithError("the batch was refused");
    benchmark::DoNotOptimize(copy);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

void gather_half(benchmark::State& state) {
  xylem::BatchBuilder builder = roomy_builder();
  fill(builder, xylem::bench::celery_event(400), state.range(0));
  const auto batch = builder.finish();
  for (auto _ : state) benchmark::DoNotOptimize(xylem::gather(*batch, {true, false, true, false}));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

BENCHMARK(write)->Arg(4)->Arg(64)->Arg(1024);
BENCHMARK(read)->Arg(4)->Arg(64)->Arg(1024);
BENCHMARK(gather_half)->Arg(4)->Arg(64)->Arg(1024);

}  // namespace
