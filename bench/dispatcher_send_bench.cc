// Question: how long does Dispatcher::send() hold its caller up, as fast as it can and at 1,000/s?
// Premise:  every event reaches a relay (the one at XYLEM_PUSH, or one of our own); none is
//           dropped. Otherwise the run is void.

#include <benchmark/benchmark.h>
#include <time.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <vector>

#include "relay/client/dispatcher.h"
#include "relay/node/node.h"

namespace {

using namespace xylem;

double seconds(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

void pause(Duration duration) {
  const timespec wait{0, static_cast<long>(duration.count())};
  nanosleep(&wait, nullptr);
}

class Bench {
 public:
  explicit Bench(bool buffered) {
    Dispatcher::Options options;
    options.relay = relay();
    options.hostname = "celery@bench";
    if (buffered) options.buffer_groups = {"task"};
    dispatcher_ = std::move(*Dispatcher::open(std::move(options), context_, clock_));
    send();
    settle();
  }

  // A task-received event as Celery's worker announces it.
  void send() {
    fields_.clear();
    fields_.add("uuid", "2bd8b0a5-2e1a-4b5c-9a0b-0d6e5a6f0d11")
        .add("name", "proj.tasks.add")
        .add("args", "(1, 2)")
        .add("kwargs", "{}")
        .add("root_id", "2bd8b0a5-2e1a-4b5c-9a0b-0d6e5a6f0d11")
        .add_null("parent_id")
        .add("retries", 0)
        .add_null("eta")
        .add_null("expires");
    benchmark::DoNotOptimize(dispatcher_->send("task-received", fields_));
  }
  void settle() {
    dispatcher_->flush();
    while (dispatcher_->figures().waiting != 0) pause(std::chrono::microseconds(200));
  }
  [[nodiscard]] bool dropped() const { return dispatcher_->figures().dropped != 0; }

 private:
  Address relay() {
    const char* given = std::getenv("XYLEM_PUSH");
    if (given != nullptr) return *Address::parse(given);
    ConfigSources sources;
    sources.assignments = {
        "push.listen=tcp://127.0.0.1:0",   "acked.listen=off", "publish.listen=tcp://127.0.0.1:0",
        "stream.listen=tcp://127.0.0.1:0", "http.listen=off",  "log.level=error"};
    node_ = Node::open(*load_config(sources), clock_).value();
    if (!node_->start()) std::abort();
    return node_->endpoints().front().second.front();
  }

  SystemClock clock_;
  Context context_;
  std::unique_ptr<Node> node_;
  std::unique_ptr<Dispatcher> dispatcher_;
  EventFields fields_;
};

// Fewer than the outbox holds, so that the sender and not the relay sets the pace.
constexpr int kBurst = 5000;

void send_in_bursts(benchmark::State& state) {
  Bench bench(state.range(0) != 0);
  double cpu = 0;
  double cpu_of_all_threads = 0;
  for (auto _ : state) {
    const double cpu_before = seconds(CLOCK_THREAD_CPUTIME_ID);
    const double all_before = seconds(CLOCK_PROCESS_CPUTIME_ID);
    const double before = seconds(CLOCK_MONOTONIC);
    for (int i = 0; i < kBurst; ++i) bench.send();
    state.SetIterationTime(seconds(CLOCK_MONOTONIC) - before);
    cpu += seconds(CLOCK_THREAD_CPUTIME_ID) - cpu_before;
    bench.settle();
    cpu_of_all_threads += seconds(CLOCK_PROCESS_CPUTIME_ID) - all_before;
  }
  if (bench.dropped()) state.SkipWithError("events were dropped");
  const auto events = static_cast<double>(state.iterations()) * kBurst;
  state.SetItemsProcessed(static_cast<std::int64_t>(events));
  state.counters["cpu_us"] = cpu / events * 1e6;
  state.counters["cpu_us_of_all_threads"] = cpu_of_all_threads / events * 1e6;
}
BENCHMARK(send_in_bursts)->ArgName("buffered")->Arg(0)->Arg(1)->UseManualTime();

void send_at_1000_a_second(benchmark::State& state) {
  Bench bench(state.range(0) != 0);
  std::vector<double> costs;
  double due = seconds(CLOCK_MONOTONIC);
  for (auto _ : state) {
    due += 1e-3;
    const double early = due - seconds(CLOCK_MONOTONIC);
    if (early > 0) pause(Duration(static_cast<std::int64_t>(early * 1e9)));
    const double before = seconds(CLOCK_MONOTONIC);
    bench.send();
    costs.push_back(seconds(CLOCK_MONOTONIC) - before);
    state.SetIterationTime(costs.back());
  }
  bench.settle();
  if (bench.dropped()) state.SkipWithError("events were dropped");
  std::sort(costs.begin(), costs.end());
  state.counters["p50_us"] = costs[costs.size() / 2] * 1e6;
  state.counters["p99_us"] = costs[costs.size() * 99 / 100] * 1e6;
}
BENCHMARK(send_at_1000_a_second)
    ->ArgName("buffered")
    ->Arg(0)
    ->Arg(1)
    ->Iterations(3000)
    ->UseManualTime();

}  // namespace
