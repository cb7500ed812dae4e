#include "relay/cli/bench.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace xylem::cli {
namespace {

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
  EXPECT_FALSE(result_with({.misrouted = 1}).lossless());
  EXPECT_FALSE(result_with({.failed = 1}).lossless());
}

TEST(BenchResult, SaysNothingGoodOrBadAboutWhoWasHeldUp) {
  BenchResult result = result_with({.received = 100});
  SinkResult stalled{.received = 1, .gapped = 99};
  stalled.last_ns = 9'000'000'000;
  result.sinks.push_back(stalled);
  result.options.patterns = {"#", "#"};
  result.options.stalled = 1;
  EXPECT_TRUE(result.lossless());
  EXPECT_DOUBLE_EQ(result.seconds(), 1.0);
  EXPECT_EQ(result.delivered(), 100u);
  EXPECT_EQ(nlohmann::json::parse(bench_json(result))["subscribers"][1]["stalled"], true);
}

TEST(BenchJson, IsJsonWithWhatScriptsNeed) {
  const auto json = nlohmann::json::parse(bench_json(result_with({})));
  EXPECT_EQ(json["events"], 100);
  EXPECT_EQ(json["events_per_s"], 100.0);
  EXPECT_EQ(json["subscribers"][0]["pattern"], "#");
  EXPECT_EQ(json["subscribers"][0]["latency_curve"].size(), 40u);
}

}  // namespace
}  // namespace xylem::cli
