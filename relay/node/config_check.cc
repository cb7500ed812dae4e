#include <fmt/format.h>

#include <algorithm>

#include "relay/node/bridge_options.h"

namespace xylem {
namespace {

struct Endpoint {
  std::string_view key;
  const std::vector<Address>& listen;
};

void check_endpoint(const Endpoint& endpoint, bool insecure, std::vector<Problem>& problems) {
  const bool http = endpoint.key == "http.listen";
  for (const Address& address : endpoint.listen) {
    if (http != (address.scheme() == Address::Scheme::http)) {
      problems.push_back(
          {std::string(endpoint.key), fmt::format("{} is not {} address", address.text(),
                                                  http ? "an http://" : "a tcp:// or ipc://")});
    }
    if (!address.is_local() && !insecure) {
      problems.push_back({std::string(endpoint.key),
                          fmt::format("{} can be reached from other machines, and nothing would "
                                      "protect it; listen on loopback or ipc, or start with "
                                      "--insecure",
                                      address.text())});
    }
  }
}

void check_for_twins(const std::vector<Endpoint>& endpoints, std::vector<Problem>& problems) {
  std::vector<std::pair<std::string, std::string_view>> seen;
  for (const Endpoint& endpoint : endpoints) {
    for (const Address& address : endpoint.listen) {
      if (address.scheme() != Address::Scheme::ipc && address.port() == 0) continue;
      // http and tcp share their ports.
      const std::string place = address.scheme() == Address::Scheme::ipc
                                    ? address.text()
                                    : fmt::format("{}:{}", address.host(), address.port());
      const auto twin = std::find_if(seen.begin(), seen.end(),
                                     [&](const auto& other) { return other.first == place; });
      if (twin != seen.end()) {
        problems.push_back({std::string(endpoint.key),
                            fmt::format("{} is already taken by {}", place, twin->second)});
      }
      seen.emplace_back(place, endpoint.key);
    }
  }
}

void check_spool(const Config& config, std::vector<Problem>& problems) {
  if (config.spool.bytes_max < 2 * config.spool.segment_bytes) {
    problems.push_back({"spool.bytes_max", "must be at least twice spool.segment_bytes"});
  }
  if (config.upstream.connect.empty()) return;
  if (config.spool_directory.empty()) {
    problems.push_back({"upstream.connect",
                        "takes a spool, so that nothing is lost while the relay upstream is away; "
                        "set spool.directory"});
  }
  for (const Address& address : config.upstream.connect) {
    if (address.scheme() == Address::Scheme::http) {
      problems.push_back({"upstream.connect",
                          fmt::format("{} is not a tcp:// or ipc:// address", address.text())});
    }
    if (!address.is_local() && !config.insecure) {
      problems.push_back({"upstream.connect",
                          fmt::format("{} is another machine, and nothing would protect what goes "
                                      "there; start with --insecure if the network is yours",
                                      address.text())});
    }
  }
}

}  // namespace

void check_config(const Config& config, std::vector<Problem>& problems) {
  const std::vector<Endpoint> endpoints{{"push.listen", config.push.listen},
                                        {"acked.listen", config.acked.listen},
                                        {"publish.listen", config.publish.listen},
                                        {"stream.listen", config.stream.listen},
                                        {"http.listen", config.http.listen}};
  for (const Endpoint& endpoint : endpoints) check_endpoint(endpoint, config.insecure, problems);
  check_for_twins(endpoints, problems);
  if (config.push.listen.empty() && config.acked.listen.empty() &&
      !config.amqp_source.is_wanted()) {
    problems.push_back({"push.listen", "no source listens, so no event could ever come in"});
  }
  check_spool(config, problems);
  check_bridges(config, problems);
  const SourceLimits& limits = config.push.admission.limits;
  if (limits.event_bytes_max + kFrameBytesBesideAnEvent > limits.message_bytes_max) {
    problems.push_back(
        {"push.event_bytes_max",
         fmt::format("must be at least {} bytes below push.message_bytes_max, so that a batch has "
                     "room for an event",
                     kFrameBytesBesideAnEvent)});
  }
  if (config.stream.limits.idle_timeout < 2 * config.stream.limits.heartbeat) {
    problems.push_back(
        {"stream.idle_timeout",
         "must be at least twice stream.heartbeat, or subscribers that do as they are "
         "asked would be let go"});
  }
}

}  // namespace xylem
