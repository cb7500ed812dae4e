// Question: what do shaping an event of 400 bytes, holding a shaped one against its shape, and
//           making JSON of it again cost?
// Premise:  every byte comes back; every event but the first few of a kind is taken by its shape.
//           Otherwise the run is void.

#include <benchmark/benchmark.h>

#include <cstring>

#include "relay/cli/bench_event.h"
#include "relay/codec/batch_codec.h"
#include "relay/codec/shaped_batch.h"
#include "relay/codec/shaped_body.h"
#include "relay/codec/shaper.h"

namespace {

using namespace xylem;

constexpr std::size_t kEventBytes = 400;

// A few cycles of the end-to-end benchmarks' events, each where a source would have put it.
class Events {
 public:
  explicit Events(std::size_t producers) {
    std::vector<cli::BenchPool> pools;
    for (std::size_t i = 0; i < producers; ++i) pools.emplace_back(i, kEventBytes, 1);
    for (std::size_t n = 0; n < 1024; ++n) {
      const cli::BenchEvent event = pools[n % producers].next(static_cast<std::int64_t>(n));
      keys_.emplace_back(event.key);
      texts_.emplace_back(event.body);
      texts_.back().resize(event.body.size() + Slab::kSlack);
    }
  }
  [[nodiscard]] std::size_t size() const { return texts_.size(); }
  [[nodiscard]] std::string_view text(std::size_t n) const {
    return {texts_[n].data(), texts_[n].size() - Slab::kSlack};
  }
  [[nodiscard]] const std::string& key(std::size_t n) const { return keys_[n]; }

 private:
  std::vector<std::string> keys_;
  std::vector<std::string> texts_;
};

class Shaping {
 public:
  explicit Shaping(const Events& events) : events_(events) {
    for (std::size_t n = 0; n < events.size(); ++n) {
      if (!take(n)) static_cast<void>(shaper_.teach(events.text(n), events.key(n)));
    }
    if (!builder_.empty()) static_cast<void>(builder_.finish());
  }
  bool take(std::size_t n) {
    const std::string_view text = events_.text(n);
    const bool taken = shaper_.take(text.data(), text.data() + text.size()) != nullptr;
    taken ? shaper_.commit() : shaper_.rollback();
    return taken;
  }
  std::unique_ptr<Batch> batch() {
    for (std::size_t n = 0; n < events_.size(); ++n) missed_ += !take(n);
    return builder_.finish();
  }
  [[nodiscard]] std::size_t missed() const { return missed_; }

 private:
  const Events& events_;
  BatchBuilder builder_{std::size_t{4} << 20, {std::size_t{5} << 20}};
  Shaper shaper_{builder_};
  std::size_t missed_ = 0;
};

void report(benchmark::State& state, const Batch& batch) {
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(batch.size()));
  state.counters["frame_bytes_per_event"] =
      static_cast<double>(batch.frame().size()) / static_cast<double>(batch.size());
}

void shape(benchmark::State& state) {
  const Events events(static_cast<std::size_t>(state.range(0)));
  Shaping shaping(events);
  const auto first = shaping.batch();
  for (auto _ : state) benchmark::DoNotOptimize(shaping.batch());
  if (shaping.missed() != 0) state.SkipWithError("an event was not taken by its shape");
  report(state, *first);
}
BENCHMARK(shape)->ArgName("workers")->Arg(1)->Arg(8);

void check(benchmark::State& state) {
  const Events events(static_cast<std::size_t>(state.range(0)));
  const auto batch = Shaping(events).batch();
  ShapeCheck shape_check{SourceLimits{}};
  for (auto _ : state) {
    if (shape_check.refusal_of(*batch)) state.SkipWithError("a right batch was refused");
  }
  report(state, *batch);
}
BENCHMARK(check)->ArgName("workers")->Arg(1)->Arg(8);

void expand(benchmark::State& state) {
  const Events events(static_cast<std::size_t>(state.range(0)));
  const auto batch = Shaping(events).batch();
  const auto json = xylem::expand(*batch);
  for (std::size_t n = 0; n < events.size(); ++n) {
    if (json->body_of(json->entries()[n]) != events.text(n))
      state.SkipWithError("a byte did not come back");
  }
  for (auto _ : state) benchmark::DoNotOptimize(xylem::expand(*batch));
  report(state, *batch);
}
BENCHMARK(expand)->ArgName("workers")->Arg(1)->Arg(8);

}  // namespace
