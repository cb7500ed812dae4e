// Question: what does it cost to ask whether a filter wants a routing key (asked once per distinct
// key
//           of a batch), by kind of pattern and by number of patterns that do not match?
// Premise:  the answer is the expected one; otherwise the run is void.

#include <benchmark/benchmark.h>

#include "relay/event/topic_filter.h"

namespace {

void match(benchmark::State& state, const char* pattern, const char* key, bool expected) {
  const auto filter = xylem::TopicFilter::parse({pattern});
  for (auto _ : state) {
    if (filter->matches(key) != expected) state.SkipWithError("wrong answer");
  }
}
BENCHMARK_CAPTURE(match, everything, "#", "task.succeeded", true);
BENCHMARK_CAPTURE(match, literal, "task.succeeded", "task.succeeded", true);
BENCHMARK_CAPTURE(match, one_word, "task.*", "task.succeeded", true);
BENCHMARK_CAPTURE(match, any_words, "task.#", "task.succeeded", true);
BENCHMARK_CAPTURE(match, hash_in_front, "#.succeeded", "task.succeeded", true);
BENCHMARK_CAPTURE(match, other, "worker.#", "task.succeeded", false);

void match_none_of(benchmark::State& state) {
  std::vector<std::string> patterns;
  for (std::int64_t i = 0; i < state.range(0); ++i)
    patterns.push_back("tenant" + std::to_string(i) + ".task.*");
  const auto filter = xylem::TopicFilter::parse(patterns);
  for (auto _ : state) {
    if (filter->matches("task.succeeded")) state.SkipWithError("wrong answer");
  }
}
BENCHMARK(match_none_of)->Arg(1)->Arg(16)->Arg(256);

}  // namespace
