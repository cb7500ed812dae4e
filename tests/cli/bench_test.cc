#include "relay/cli/bench.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <numeric>

namespace xylem::cli {
namespace {

TEST(BenchEvent, IsJsonOfExactlyTheSizeAskedFor) {
  BenchEvent event(2, 7, 400);
  const std::string_view body = event.stamped(123, 456);
  EXPECT_EQ(body.size(), 400u);
  EXPECT_EQ(nlohmann::json::parse(body)["type"], "task-succeeded");
  EXPECT_EQ(event.key(), "task.succeeded");
}

TEST(BenchEvent, CarriesItsStamp) {
  BenchEvent event(0, 7, kBenchBytesMin);
  BenchStamp stamp;
  ASSERT_TRUE(read_bench_stamp(event.stamped(123'456, 1'700'000'000'000), stamp));
  EXPECT_EQ(stamp.producer, 7u);
  EXPECT_EQ(stamp.index, 123'456u);
  EXPECT_EQ(stamp.sent_ns, 1'700'000'000'000);
}

TEST(BenchStamp, IsNotFoundInAStrangersEvent) {
  BenchStamp stamp;
  EXPECT_FALSE(read_bench_stamp(R"({"type":"task-sent"})", stamp));
  EXPECT_FALSE(read_bench_stamp(R"({"bench":"1 2"})", stamp));
}

TEST(BenchTypes, CountUpToTheEvents) {
  const auto counts = bench_type_counts(100'000);
  EXPECT_EQ(std::accumulate(counts.begin(), counts.end(), std::uint64_t{0}), 100'000u);
  for (const std::uint64_t count : counts) EXPECT_GT(count, 0u);
}

TEST(Latencies, AreExactToThreePercent) {
  for (const std::int64_t ns : {1, 63, 64, 1000, 123'456, 99'999'999}) {
    Latencies latencies;
    latencies.add(ns, 1);
    EXPECT_NEAR(latencies.quantile_us(1) * 1000, static_cast<double>(ns),
                static_cast<double>(ns) * 0.032)
        << ns;
  }
}

TEST(Latencies, KnowTheirQuantiles) {
  Latencies latencies;
  for (int us = 1; us <= 1000; ++us) latencies.add(us * 1000, 1);
  EXPECT_NEAR(latencies.quantile_us(0.5), 500, 17);
  EXPECT_NEAR(latencies.quantile_us(0.99), 990, 32);
  Latencies twice;
  twice.add(latencies);
  twice.add(latencies);
  EXPECT_EQ(twice.count(), 2000u);
  EXPECT_EQ(twice.quantile_us(0.5), latencies.quantile_us(0.5));
}

BenchResult result_with(SinkResult sink) {
  BenchResult result;
  result.producers = {
      {.sent = 100, .first_ns = 1'000'000'000, .last_ns = 1'500'000'000, .cpu_s = 0}};
  sink.last_ns = 2'000'000'000;
  result.sinks = {sink};
  return result;
}

TEST(BenchResult, CountsSecondsFromTheFirstSentToTheLastReceived) {
  EXPECT_DOUBLE_EQ(result_with({}).seconds(), 1.0);
}

TEST(BenchResult, IsLosslessOnlyIfNothingIsMissingOrTwice) {
  EXPECT_TRUE(result_with({}).lossless());
  EXPECT_FALSE(result_with({.lost = 1}).lossless());
  EXPECT_FALSE(result_with({.gapped = 1}).lossless());
  EXPECT_FALSE(result_with({.duplicates = 1}).lossless());
  EXPECT_FALSE(result_with({.failed = 1}).lossless());
}

TEST(BenchJson, IsJsonWithWhatScriptsNeed) {
  const auto json = nlohmann::json::parse(bench_json(result_with({})));
  EXPECT_EQ(json["events"], 100);
  EXPECT_EQ(json["events_per_s"], 100.0);
  EXPECT_EQ(json["subscribers"][0]["pattern"], "#");
}

}  // namespace
}  // namespace xylem::cli
