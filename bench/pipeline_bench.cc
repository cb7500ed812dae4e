// Question: what does the way of an event through the relay cost between its sockets, from
// admission to
//           taps, with 1, 4 and 16 taps of different filters, and does it allocate per event?
// Premise:  every tap gets what its filter wants; allocations do not grow with the events of a
// message.
//           Otherwise the run is void.

#include <benchmark/benchmark.h>

#include <atomic>
#include <cstdlib>
#include <memory>

#include "relay/cli/bench_event.h"
#include "relay/ingest/admission.h"
#include "relay/pipeline/pipeline_agent.h"
#include "relay/pipeline/tap_set.h"

namespace {
std::atomic<std::uint64_t> g_allocations{0};
}

// glibc lets a program put its own functions before its allocator's; these only count.
extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
void* malloc(std::size_t size) {
  g_allocations.fetch_add(1, std::memory_order_relaxed);
  return __libc_malloc(size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
  g_allocations.fetch_add(1, std::memory_order_relaxed);
  return __libc_memalign(alignment, size);
}
}

namespace {

using namespace xylem;

// A relay without sockets, on one thread.
class Bench final : Admission::Refused, Admission::Outlet {
 public:
  explicit Bench(std::size_t taps)
      : source_("source", 64),
        sink_("sink", 64),
        admission_({}, *this, *this),
        pipeline_(Epoch{1}, clock_, {&source_}, {&sink_}) {
    source_.join(bell_, bell_);
    sink_.join(bell_, bell_);
    constexpr const char* kFilters[] = {"#", "task.*", "task.failed", "worker.#"};
    for (std::size_t i = 0; i < taps; ++i) {
      taps_.push_back(std::make_unique<Tap>(Tap::Options{}));
      set_.add(*taps_.back(),
               *TopicFilter::parse({kFilters[i % 4], "tap." + std::to_string(i / 4)}));
    }
  }

  void push(std::string_view key, std::string_view body) { admission_.admit_json(key, body); }
  void run() {
    admission_.flush();
    while (pipeline_.do_work(Instant{}) != 0) {
    }
    std::array<const Batch*, 16> run;
    for (std::size_t n; (n = sink_.pop(run)) != 0;) {
      for (const Batch* batch : std::span(run).first(n)) set_.offer(BatchRef::adopt(batch));
    }
    for (const auto& tap : taps_) {
      while (!tap->empty()) tap->delivered();
    }
  }
  [[nodiscard]] std::uint64_t delivered_to_first() const {
    return taps_.front()->ledger().delivered;
  }
  [[nodiscard]] bool refused() const { return refused_; }

 private:
  void on_refused(Refusal, std::string_view, std::size_t) override { refused_ = true; }
  void on_batch(std::unique_ptr<Batch> batch) override { source_.push(batch.release()); }

  SystemClock clock_;
  Doorbell bell_;
  SourceEdge source_;
  SinkEdge sink_;
  Admission admission_;
  PipelineAgent pipeline_;
  TapSet set_;
  std::vector<std::unique_ptr<Tap>> taps_;
  bool refused_ = false;
};

constexpr std::size_t kEventBytes = 400;
constexpr std::size_t kEventsPerTurn = 480;

// One turn's messages, of events no two of which are alike.
struct Message {
  std::string key;
  std::string text;
};
std::string list_of(cli::BenchPool& pool, std::size_t events) {
  std::string list = "[";
  for (std::size_t i = 0; i < events; ++i)
    list.append(i == 0 ? "" : ", ").append(pool.next(0).body);
  return list + "]";
}
std::vector<Message> turn_of(std::size_t list_events) {
  cli::BenchPool pool(0, kEventBytes, 1);
  std::vector<Message> turn;
  for (std::size_t i = 0; i < kEventsPerTurn / list_events; ++i) {
    if (list_events != 1) {
      turn.push_back({"task.multi", list_of(pool, list_events)});
      continue;
    }
    const cli::BenchEvent event = pool.next(0);
    turn.push_back({std::string(event.key), std::string(event.body)});
  }
  return turn;
}

void through_the_pipeline(benchmark::State& state) {
  const auto turn = turn_of(static_cast<std::size_t>(state.range(0)));
  Bench bench(static_cast<std::size_t>(state.range(1)));
  for (auto _ : state) {
    for (const Message& message : turn) bench.push(message.key, message.text);
    bench.run();
  }
  const auto events = static_cast<std::uint64_t>(state.iterations()) * kEventsPerTurn;
  if (bench.delivered_to_first() != events || bench.refused())
    state.SkipWithError("events went missing");
  state.SetItemsProcessed(static_cast<std::int64_t>(events));
}
BENCHMARK(through_the_pipeline)->ArgNames({"list", "taps"})->ArgsProduct({{1, 24}, {1, 4, 16}});

// Counts what a message of few events allocates, and one of many: the difference is per event.
void allocations_per_event(benchmark::State& state) {
  constexpr std::size_t kFew = 192;  // every type is among them
  constexpr std::size_t kMany = 960;
  Bench bench(16);
  cli::BenchPool pool(0, kEventBytes, 1);
  const std::string few = list_of(pool, kFew);
  const std::string many = list_of(pool, kMany);
  const auto count = [&](const std::string& list) {
    const std::uint64_t before = g_allocations;
    bench.push("task.multi", list);
    bench.run();
    return g_allocations - before;
  };
  count(many);  // buffers grow to their size once
  std::uint64_t for_few = 0;
  std::uint64_t for_many = 0;
  for (auto _ : state) {
    for_few += count(few);
    for_many += count(many);
  }
  if (for_few == 0) state.SkipWithError("nothing was counted");
  // A tap's queue takes a node for every few batches, so the two sums can end a node per tap apart.
  constexpr std::uint64_t kNodes = 16;
  if (for_many > for_few + kNodes) state.SkipWithError("the hot path allocates per event");
  const auto events = static_cast<double>(state.iterations()) * (kMany - kFew);
  state.counters["per_event"] =
      for_many > for_few + kNodes ? static_cast<double>(for_many - for_few) / events : 0;
  state.counters["per_batch"] =
      static_cast<double>(for_few) / static_cast<double>(state.iterations());
}
BENCHMARK(allocations_per_event)->Iterations(1000);

}  // namespace
