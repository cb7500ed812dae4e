#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "relay/cli/bench.h"

namespace xylem::cli {
namespace {

constexpr std::string_view kLaneNames[] = {"single", "list", "batch"};
constexpr std::string_view kSinkNames[] = {"stream", "publish"};
constexpr double kQuantiles[] = {0.5, 0.9, 0.99, 0.999, 1.0};

double cpu_per_million(const BenchResult& result) {
  return result.sent() == 0 ? 0 : result.relay_cpu_s * 1e6 / static_cast<double>(result.sent());
}

}  // namespace

std::uint64_t BenchResult::sent() const {
  std::uint64_t total = 0;
  for (const ProducerResult& producer : producers) total += producer.sent;
  return total;
}

double BenchResult::seconds() const {
  std::int64_t first = INT64_MAX;
  std::int64_t last = 0;
  for (const ProducerResult& producer : producers) first = std::min(first, producer.first_ns);
  for (const SinkResult& sink : sinks) last = std::max(last, sink.last_ns);
  return last > first ? static_cast<double>(last - first) / 1e9 : 0;
}

bool BenchResult::lossless() const {
  return std::all_of(sinks.begin(), sinks.end(), [](const SinkResult& sink) {
    return sink.failed == 0 && sink.lost == 0 && sink.gapped == 0 && sink.duplicates == 0;
  });
}

std::string bench_text(const BenchResult& result) {
  const BenchOptions& options = result.options;
  const double seconds = result.seconds();
  const double rate = seconds > 0 ? static_cast<double>(result.sent()) / seconds : 0;
  std::string out = fmt::format(
      "{} events of {} bytes, pushed as {}, {} producer(s), {} {} subscriber(s): {:.2f} s\n"
      "throughput  {:.0f} events/s, {:.1f} MB/s in\n",
      result.sent(), options.event_bytes, kLaneNames[static_cast<std::size_t>(options.lane)],
      options.producers, options.patterns.size(),
      kSinkNames[static_cast<std::size_t>(options.sink)], seconds, rate,
      rate * static_cast<double>(options.event_bytes) / 1e6);
  if (result.relay_cpu_s > 0) {
    out += fmt::format("relay       {:.3f} CPU-s per million events, {:.1f} MB peak memory\n",
                       cpu_per_million(result), static_cast<double>(result.relay_peak_bytes) / 1e6);
  }
  out += fmt::format("\n{:<16}{:>12}{:>12}{:>8}{:>8}{:>10}{:>10}{:>10}{:>10}{:>10}\n", "subscriber",
                     "expected", "received", "lost", "gapped", "disorder", "p50 us", "p99 us",
                     "p99.9 us", "max us");
  for (std::size_t i = 0; i < result.sinks.size(); ++i) {
    const SinkResult& sink = result.sinks[i];
    out += fmt::format("{:<16}{:>12}{:>12}{:>8}{:>8}{:>10}{:>10.0f}{:>10.0f}{:>10.0f}{:>10.0f}\n",
                       options.patterns[i], sink.expected, sink.received, sink.lost, sink.gapped,
                       sink.duplicates, sink.latencies.quantile_us(0.5),
                       sink.latencies.quantile_us(0.99), sink.latencies.quantile_us(0.999),
                       sink.latencies.quantile_us(1));
    if (sink.failed != 0) out += "                could not subscribe\n";
  }
  if (options.rate <= 0) {
    out += "\nAt full speed latency is queueing; measure it with --rate.\n";
  }
  return out;
}

std::string bench_json(const BenchResult& result) {
  const BenchOptions& options = result.options;
  const double seconds = result.seconds();
  nlohmann::ordered_json json{
      {"lane", kLaneNames[static_cast<std::size_t>(options.lane)]},
      {"sink", kSinkNames[static_cast<std::size_t>(options.sink)]},
      {"event_bytes", options.event_bytes},
      {"producers", options.producers},
      {"rate", options.rate},
      {"overflow", name_of(options.overflow)},
      {"events", result.sent()},
      {"seconds", seconds},
      {"events_per_s", seconds > 0 ? static_cast<double>(result.sent()) / seconds : 0},
      {"relay_cpu_s_per_million", cpu_per_million(result)},
      {"relay_peak_bytes", result.relay_peak_bytes},
      {"lossless", result.lossless()}};
  json["subscribers"] = nlohmann::ordered_json::array();
  for (std::size_t i = 0; i < result.sinks.size(); ++i) {
    const SinkResult& sink = result.sinks[i];
    nlohmann::ordered_json latency;
    for (const double part : kQuantiles)
      latency[fmt::format("p{:g}", part * 100)] = sink.latencies.quantile_us(part);
    json["subscribers"].push_back({{"pattern", options.patterns[i]},
                                   {"expected", sink.expected},
                                   {"received", sink.received},
                                   {"lost", sink.lost},
                                   {"gapped", sink.gapped},
                                   {"duplicates_or_disorder", sink.duplicates},
                                   {"failed", sink.failed != 0},
                                   {"latency_us", latency}});
  }
  json["producers_cpu_s"] = nlohmann::ordered_json::array();
  for (const ProducerResult& producer : result.producers)
    json["producers_cpu_s"].push_back(producer.cpu_s);
  return json.dump(2) + "\n";
}

}  // namespace xylem::cli
