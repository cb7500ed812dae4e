#include <algorithm>
#include <map>
#include <string>

#include "bench/peers/peers.h"
#include "bench/peers/tcp_client.h"
#include "relay/cli/bench_command.h"
#include "relay/cli/bench_run.h"
#include "relay/cli/command.h"

// `xylem bench` with another carrier: the same options, loops, events, accounts and report.

namespace xylem::peers {
namespace {

// Brokers that store without bound, or cut off who is slow, are not run into that: producers wait
// while a subscriber is this far behind. More than libzmq or Xylem hold.
constexpr std::size_t kWindowBytes = std::size_t{16} << 20;
constexpr std::size_t kWindowEventsMin = 8192;  // a rare type tells of itself every 2048 events

struct Arguments {
  cli::BenchArguments bench;
  std::string carrier = "raw_zmq";
  int frames = 2;
  pid_t pid = 0;
  std::int64_t window = -1;
};

std::unique_ptr<cli::BenchCarrier> carrier_of(const Arguments& arguments) {
  const cli::BenchOptions& options = arguments.bench.options;
  const std::string& name = arguments.carrier;
  if (name == "raw_zmq") {
    return zmq_carrier(options,
                       arguments.frames == 1 ? cli::Frames::joined : cli::Frames::key_and_body);
  }
  if (name == "zmq_blocks") return zmq_blocks_carrier(options);
  if (name == "nats") return tcp_carrier(options, nats_protocol());
  if (name == "redis") return tcp_carrier(options, redis_protocol());
  if (name == "mosquitto") return tcp_carrier(options, mqtt_protocol());
  return rabbitmq_carrier(options);
}

int run(Arguments arguments) {
  cli::BenchOptions& options = arguments.bench.options;
  if (options.lane != cli::Lane::list) options.lane = cli::Lane::single;
  if (const std::string wrong = cli::check_bench_options(arguments.bench); !wrong.empty())
    return cli::misused(wrong);
  const bool holds_back = arguments.carrier == "raw_zmq" || arguments.carrier == "zmq_blocks";
  if (arguments.window >= 0) {
    options.window_events = static_cast<std::uint64_t>(arguments.window);
  } else if (!holds_back) {
    options.window_events = std::max(kWindowBytes / options.event_bytes, kWindowEventsMin);
  }
  const auto carrier = carrier_of(arguments);
  if (carrier == nullptr) return cli::failed("built without librabbitmq");
  const auto result = cli::run_bench(options, *carrier, arguments.pid);
  if (!result) return cli::failed(result.error().message);
  return cli::print_bench(*result, arguments.bench.json);
}

int main_of(int count, char** words) {
  CLI::App app("Measure a peer as `xylem bench` measures a relay", "peer_bench");
  Arguments arguments;
  add_bench_options(app, arguments.bench);
  app.get_option("--push")->required();
  app.get_option("--receive")->required();
  app.add_option("--carrier", arguments.carrier, "What carries the events")
      ->check(CLI::IsMember({"raw_zmq", "zmq_blocks", "nats", "redis", "rabbitmq", "mosquitto"}));
  app.add_option("--frames", arguments.frames, "raw_zmq: key and body in one frame or in two")
      ->check(CLI::Range(1, 2));
  app.add_option("--pid", arguments.pid, "The broker, whose CPU time and memory are counted");
  app.add_option("--window", arguments.window,
                 "Events that a subscriber may be behind before producers wait; 0: any (default: "
                 "16 MiB of them for brokers that do not hold producers back)");
  CLI11_PARSE(app, count, words);
  return run(std::move(arguments));
}

}  // namespace
}  // namespace xylem::peers

int main(int count, char** words) { return xylem::peers::main_of(count, words); }
