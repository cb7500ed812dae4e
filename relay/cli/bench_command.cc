#include "relay/cli/bench_command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <map>

#include "relay/base/limits.h"
#include "relay/cli/command.h"
#include "relay/event/topic_filter.h"

namespace xylem::cli {
namespace {

// Of a subscriber's patterns, its own and the warm-up's are none of the extra ones.
constexpr std::size_t kExtraPatternsMax = kPatternsPerSubscriberMax - 2;

void add_shape(CLI::App& command, BenchArguments& arguments) {
  BenchOptions& options = arguments.options;
  add_count(command, "--events", {options.events}, "Events of all producers together");
  add_count(command, "--producers", {options.producers, 1, 64}, "Producer processes");
  command
      .add_option("--pattern", options.patterns,
                  "One subscriber process each; may be repeated (default: '#')")
      ->allow_extra_args(false);
  add_count(command, "--extra-patterns", {options.extra_patterns, 0, kExtraPatternsMax},
            "Further patterns of every subscriber, which match nothing");
  add_count(command, "--stalled", {options.stalled, 0},
            "So many of the last subscribers stand still during the run; a stream drops their "
            "oldest events");
  add_count(command, "--size", {options.event_bytes, kBenchBytesMin, 60'000},
            "Bytes of one event's JSON");
  arguments.list_events = add_count(command, "--list-events", {options.list_events, 1, 1000},
                                    "Events in a list, with --lane list");
  command
      .add_option("--rate", options.rate,
                  "Events per second of all producers together (default: full speed)")
      ->check(number_above(Zero::refused));
  add_count(command, "--seed", {options.seed, 0}, "Of the events' texts");
}

}  // namespace

void add_bench_options(CLI::App& command, BenchArguments& arguments) {
  BenchOptions& options = arguments.options;
  const std::map<std::string, Lane> lanes{{"single", Lane::single},
                                          {"list", Lane::list},
                                          {"batch", Lane::batch},
                                          {"buffered", Lane::buffered}};
  command
      .add_option("--lane", options.lane,
                  "How events are pushed: single, list (as Celery does), batch (C++ library), "
                  "buffered (C++ library, task events in groups)")
      ->transform(CLI::CheckedTransformer(lanes));
  add_shape(command, arguments);
  command
      .add_option("--push", options.push,
                  "Push endpoint of a running relay (default: one of our own); may be repeated, "
                  "for sidecars that producers take in turn")
      ->allow_extra_args(false);
  command.add_option("--receive", options.receive, "Its stream or publish endpoint");
  const std::map<std::string, Context::Engine> engines{{"native", Context::Engine::native},
                                                       {"libzmq", Context::Engine::libzmq}};
  command
      .add_option("--ends", options.ends,
                  "Whose sockets producers and subscribers have, native or libzmq (default: "
                  "libzmq for plain ones)")
      ->transform(CLI::CheckedTransformer(engines));
  command
      .add_option("--patience", options.patience_s,
                  "Seconds without progress after which the rest is lost")
      ->check(number_above(Zero::refused));
  command.add_flag("--json", arguments.json, "JSON also on a terminal");
}

std::string check_bench_options(BenchArguments& arguments) {
  BenchOptions& options = arguments.options;
  const auto overflow = parse_overflow(arguments.overflow);
  if (!overflow) return overflow.error().message;
  options.overflow = *overflow;
  if (options.overflow == Overflow::spill && options.push.empty())
    return "--overflow spill takes a relay with a spool, and one of our own has none; give --push";
  for (const std::string& pattern : options.patterns) {
    if (const auto parsed = TopicFilter::parse({pattern}); !parsed) return parsed.error().message;
    if (const auto fine = check_can_match({pattern}); !fine) return fine.error().message;
  }
  if (arguments.list_events != nullptr && arguments.list_events->count() != 0 &&
      options.lane != Lane::list) {
    return "--list-events means nothing without --lane list";
  }
  if (options.push.empty() != options.receive.empty()) return "--push and --receive go together";
  if (options.stalled >= options.patterns.size() && options.stalled != 0)
    return "--stalled leaves no subscriber that receives";
  return {};
}

int print_bench(const BenchResult& result, bool json) {
  const bool for_programs = json || !is_terminal(STDOUT_FILENO);
  std::fputs((for_programs ? bench_json(result) : bench_text(result)).c_str(), stdout);
  const std::vector<SinkResult> steady = result.steady();
  for (std::size_t i = 0; i < steady.size(); ++i) {
    if (steady[i].received != 0) continue;
    return failed(fmt::format("subscriber '{}' received nothing, so nothing was measured of it",
                              result.options.patterns[i]));
  }
  return result.lossless() ? kFine : kFailed;
}

}  // namespace xylem::cli
