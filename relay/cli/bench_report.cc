#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "relay/cli/bench.h"

namespace xylem::cli {
namespace {

constexpr std::string_view kLaneNames[] = {"single", "list", "batch", "buffered"};
constexpr std::string_view kSinkNames[] = {"stream", "publish"};
constexpr double kQuantiles[] = {0.5, 0.9, 0.99, 0.999, 1.0};
// Denser towards the end, where it matters.
constexpr double kCurve[] = {0.01,  0.025, 0.05,   0.075, 0.1,    0.15,  0.2,    0.25,
                             0.3,   0.35,  0.4,    0.45,  0.5,    0.55,  0.6,    0.65,
                             0.7,   0.75,  0.8,    0.825, 0.85,   0.875, 0.9,    0.91,
                             0.92,  0.93,  0.94,   0.95,  0.96,   0.97,  0.975,  0.98,
                             0.985, 0.99,  0.9925, 0.995, 0.9975, 0.999, 0.9995, 0.9999};

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
  for (const SinkResult& sink : steady()) last = std::max(last, sink.last_ns);
  return last > first ? static_cast<double>(last - first) / 1e9 : 0;
}

std::vector<SinkResult> BenchResult::steady() const {
  return {sinks.begin(), sinks.end() - static_cast<std::ptrdiff_t>(options.stalled)};
}

std::uint64_t BenchResult::delivered() const {
  std::uint64_t total = 0;
  for (const SinkResult& sink : steady()) total += sink.received;
  return total;
}

bool BenchResult::lossless() const {
  const auto all = steady();
  return std::all_of(all.begin(), all.end(),
                     [](const SinkResult& sink) { return sink.lossless(); });
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
    if (sink.repeated != 0)
      out += fmt::format("                {} came again from a relay that was started anew\n",
                         sink.repeated);
    if (sink.misrouted != 0)
      out += fmt::format("                {} came under another event's key\n", sink.misrouted);
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
      {"carrier", result.carrier},
      {"lane", kLaneNames[static_cast<std::size_t>(options.lane)]},
      {"sink", kSinkNames[static_cast<std::size_t>(options.sink)]},
      {"event_bytes", options.event_bytes},
      {"producers", options.producers},
      {"rate", options.rate},
      {"overflow", name_of(options.overflow)},
      {"window_events", options.window_events},
      {"events", result.sent()},
      {"seconds", seconds},
      {"events_per_s", seconds > 0 ? static_cast<double>(result.sent()) / seconds : 0},
      {"deliveries_per_s", seconds > 0 ? static_cast<double>(result.delivered()) / seconds : 0},
      {"relay_cpu_s_per_million", cpu_per_million(result)},
      {"relay_peak_bytes", result.relay_peak_bytes},
      {"lossless", result.lossless()}};
  json["subscribers"] = nlohmann::ordered_json::array();
  for (std::size_t i = 0; i < result.sinks.size(); ++i) {
    const SinkResult& sink = result.sinks[i];
    nlohmann::ordered_json latency;
    auto curve = nlohmann::ordered_json::array();
    for (const double part : kQuantiles)
      latency[fmt::format("p{:g}", part * 100)] = sink.latencies.quantile_us(part);
    for (const double part : kCurve) curve.push_back({part, sink.latencies.quantile_us(part)});
    json["subscribers"].push_back({{"pattern", options.patterns[i]},
                                   {"stalled", i >= result.sinks.size() - options.stalled},
                                   {"expected", sink.expected},
                                   {"received", sink.received},
                                   {"lost", sink.lost},
                                   {"gapped", sink.gapped},
                                   {"duplicates_or_disorder", sink.duplicates},
                                   {"repeated", sink.repeated},
                                   {"misrouted", sink.misrouted},
                                   {"failed", sink.failed != 0},
                                   {"cut_off", sink.cut_off != 0},
                                   {"latency_us", latency},
                                   {"latency_curve", curve}});
  }
  json["producers_cpu_s"] = nlohmann::ordered_json::array();
  for (const ProducerResult& producer : result.producers)
    json["producers_cpu_s"].push_back(producer.cpu_s);
  return json.dump(2) + "\n";
}

}  // namespace xylem::cli
