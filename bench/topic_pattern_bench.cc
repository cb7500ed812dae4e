// Question: what does it cost to ask whether a filter wants a routing key (asked once per distinct
//           key of a batch), by kind of pattern and by number of patterns that do not match; and
//           what would it cost to try one pattern after the other?
// Premise:  the answer is the expected one; otherwise the run is void.

#include <benchmark/benchmark.h>

#include "relay/event/topic_filter.h"
#include "relay/event/topic_pattern.h"

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
BENCHMARK(match_none_of)->Arg(1)->Arg(4)->Arg(16)->Arg(256);

// The most expensive patterns there can be, against a key of as many words as there can be.
std::vector<std::string> with_two_hashes(std::int64_t count) {
  std::vector<std::string> patterns;
  for (std::int64_t i = 0; i < count; ++i) {
    std::string pattern = "#.w" + std::to_string(i);
    for (int word = 0; word < 27; ++word) pattern += ".*";
    patterns.push_back(pattern + ".#");
  }
  return patterns;
}

std::string long_key() {
  std::string key = "x";
  for (int word = 1; word < 32; ++word) key += ".x";
  return key;
}

void match_two_hashes(benchmark::State& state) {
  const auto filter = xylem::TopicFilter::parse(with_two_hashes(state.range(0)));
  const std::string key = long_key();
  for (auto _ : state) {
    if (filter->matches(key)) state.SkipWithError("wrong answer");
  }
}
BENCHMARK(match_two_hashes)->Arg(1)->Arg(4)->Arg(256);

// The same, and ordinary patterns, one pattern after the other.
void match_one_by_one(benchmark::State& state, const std::vector<std::string>& texts,
                      const std::string& key) {
  std::vector<xylem::TopicPattern> patterns;
  for (const std::string& text : texts)
    patterns.push_back(xylem::TopicPattern::parse(text).value());
  for (auto _ : state) {
    for (const xylem::TopicPattern& pattern : patterns) {
      if (pattern.matches(key)) state.SkipWithError("wrong answer");
    }
  }
}
BENCHMARK_CAPTURE(match_one_by_one, one_ordinary, {"worker.#"}, "task.succeeded");
BENCHMARK_CAPTURE(match_one_by_one, four_ordinary,
                  {"tenant0.task.*", "tenant1.task.*", "tenant2.task.*", "tenant3.task.*"},
                  "task.succeeded");
BENCHMARK_CAPTURE(match_one_by_one, two_hashes_256, with_two_hashes(256), long_key());

}  // namespace
