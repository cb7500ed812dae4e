// Question: what does the cluster's state cost per event and per task, opened from JSON and alone?
// Premise:  every event is taken and none is evicted or repeated. Otherwise the run is void.
//           `bench/celery/state.py` asks Celery's State the same.

#include <benchmark/benchmark.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "relay/cluster/state.h"
#include "relay/event/batch.h"

namespace {

using namespace xylem;
using namespace xylem::cluster;

constexpr std::int64_t kNowUs = 1'700'000'000'000'000;

// The lives of so many tasks, all at once: received, then started, then succeeded. Made few at a
// time, outside of what is measured: they are as near as a batch that was just opened.
class Lives {
 public:
  static constexpr std::size_t kHelping = 500;
  explicit Lives(std::size_t tasks) : tasks_(tasks) {}

  // False when there are no more.
  bool next() {
    text_.clear();
    ends_.assign(1, 0);
    fields_.clear();
    const std::size_t first = made_;
    for (; made_ < std::min(first + kHelping, size()); ++made_) add(made_ / tasks_, made_ % tasks_);
    for (std::size_t n = 0; n < made_ - first; ++n) {
      if (!fields_.emplace_back().open(body(n))) std::abort();
    }
    return !fields_.empty();
  }
  [[nodiscard]] std::size_t size() const { return 3 * tasks_; }
  [[nodiscard]] const std::vector<EventView>& fields() const { return fields_; }
  [[nodiscard]] std::string_view body(std::size_t n) const {
    return {text_.data() + ends_[n], ends_[n + 1] - ends_[n] - Slab::kSlack};
  }
  // What a task keeps of JSON text: name, args, kwargs, root_id, result, runtime.
  static constexpr std::size_t kStringBytes = 18 + 8 + 11 + 38 + 3 + 6;

 private:
  void add(std::size_t stage, std::size_t task) {
    constexpr const char* kKinds[] = {"received", "started", "succeeded"};
    std::array<char, 64> uuid{};
    std::snprintf(uuid.data(), uuid.size(), "%08zx-9420-4ad5-95e1-5634d305e299", task);
    const std::string worker = std::to_string(task % 50);
    const std::string clock = std::to_string(made_ + 1);
    text_ += R"({"hostname": "celery@worker-)" + worker + R"(.example", "utcoffset": 0, "pid": 47)";
    text_ += worker + R"(, "clock": )" + clock + R"(, "uuid": ")" + uuid.data();
    text_ += R"(", "timestamp": 1699999999.)" + std::to_string(1'000'000 + made_ % 1'000'000);
    text_ += R"(, "type": "task-)" + std::string(kKinds[stage]) + '"';
    if (stage == 0) {
      text_ += R"(, "name": "proj.tasks.add)" + std::to_string(task % 100);
      text_ += R"x(", "args": "(1, 2)", "kwargs": "{'a': 17}", "root_id": ")x";
      text_ += uuid.data();
      text_ += R"(", "parent_id": null, "retries": 0, "eta": null, "expires": null)";
    } else if (stage == 2) {
      text_ += R"(, "result": "3", "runtime": 0.0271)";
    }
    text_ += '}';
    text_.append(Slab::kSlack, '\0');
    ends_.push_back(text_.size());
  }
  std::size_t tasks_;
  std::size_t made_ = 0;
  std::string text_;
  std::vector<std::size_t> ends_;
  std::vector<EventView> fields_;
};

State::Options options_for(std::size_t tasks) {
  State::Options options;
  options.tasks_max = tasks;
  options.bytes_max = std::size_t{4} << 30;
  return options;
}

// `work` gets each helping; what it does is measured.
template <class Work>
void run(benchmark::State& bench, std::size_t lives_of, std::size_t room, Work work) {
  for (auto _ : bench) {
    bench.PauseTiming();
    State state(options_for(room));
    Lives lives(lives_of);
    while (lives.next()) {
      bench.ResumeTiming();
      work(state, lives);
      bench.PauseTiming();
    }
    if (state.tasks().size() != std::min(lives_of, room) || state.counters().repeated != 0) {
      bench.SkipWithError("an event was not taken");
    }
    bench.counters["bytes_per_task_beyond_strings"] =
        static_cast<double>(state.tasks().bytes()) / static_cast<double>(state.tasks().size()) -
        static_cast<double>(Lives::kStringBytes);
    bench.ResumeTiming();
  }
  bench.SetItemsProcessed(bench.iterations() * static_cast<std::int64_t>(3 * lives_of));
}

void apply_all(State& state, const Lives& lives) {
  for (const EventView& fields : lives.fields()) state.apply(fields, kNowUs);
}

void state_alone(benchmark::State& bench) {
  const auto tasks = static_cast<std::size_t>(bench.range(0));
  run(bench, tasks, tasks, apply_all);
}
BENCHMARK(state_alone)
    ->ArgName("tasks")
    ->Arg(100'000)
    ->Arg(1'000'000)
    ->Unit(benchmark::kMillisecond);

void state_from_json(benchmark::State& bench) {
  const auto tasks = static_cast<std::size_t>(bench.range(0));
  EventView fields;
  run(bench, tasks, tasks, [&](State& state, const Lives& lives) {
    for (std::size_t n = 0; n < lives.fields().size(); ++n) {
      if (!fields.open(lives.body(n))) std::abort();
      state.apply(fields, kNowUs);
    }
  });
}
BENCHMARK(state_from_json)
    ->ArgName("tasks")
    ->Arg(100'000)
    ->Arg(1'000'000)
    ->Unit(benchmark::kMillisecond);

// Three times as many tasks as there is room for: each newcomer drives one out.
void state_that_is_full(benchmark::State& bench) { run(bench, 300'000, 100'000, apply_all); }
BENCHMARK(state_that_is_full)->Unit(benchmark::kMillisecond);

}  // namespace
