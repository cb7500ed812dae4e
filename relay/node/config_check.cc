#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "relay/node/bridge_options.h"
#include "relay/transport/lookup.h"

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

void check_upstream(const Config& config, const Address& address, std::vector<Problem>& problems) {
  const auto refuse = [&](std::string what) {
    problems.push_back({"upstream.connect", std::move(what)});
  };
  if (const auto fine = address.can_be_connected_to(); !fine) return refuse(fine.error().message);
  if (!address.is_local() && !config.insecure) {
    refuse(
        fmt::format("{} is another machine, and nothing would protect what goes there; start "
                    "with --insecure if the network is yours",
                    address.text()));
  }
  const auto& ours = config.acked.listen;
  if (std::find(ours.begin(), ours.end(), address) != ours.end()) {
    refuse(fmt::format("{} is this relay's own acked.listen; its events would go round and round",
                       address.text()));
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
  for (auto address = config.upstream.connect.begin(); address != config.upstream.connect.end();
       ++address) {
    check_upstream(config, *address, problems);
    if (std::find(config.upstream.connect.begin(), address, *address) != address) {
      problems.push_back({"upstream.connect", fmt::format("{} is there twice", address->text())});
    }
  }
}
// What a bridge opens only once it connects.
void check_files(const Config& config, std::vector<Problem>& problems) {
  const std::pair<const char*, const std::string&> files[] = {
      {"amqp.ca_file", config.amqp.ca_file},
      {"amqp.cert_file", config.amqp.cert_file},
      {"amqp.key_file", config.amqp.key_file}};
  for (const auto& [key, path] : files) {
    if (path.empty() || ::access(path.c_str(), R_OK) == 0) continue;
    problems.push_back({key, fmt::format("{} cannot be read: {}", path, std::strerror(errno))});
  }
  std::error_code unknown;
  const std::filesystem::path spool = config.spool_directory;
  if (!spool.empty() && std::filesystem::exists(spool, unknown) &&
      !std::filesystem::is_directory(spool, unknown)) {
    problems.push_back({"spool.directory", fmt::format("{} is not a folder", spool.string())});
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
  check_files(config, problems);
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

void look_up_listeners(Config& config, std::vector<Problem>& problems) {
  const std::pair<const char*, std::vector<Address>&> listeners[] = {
      {"push.listen", config.push.listen},
      {"acked.listen", config.acked.listen},
      {"publish.listen", config.publish.listen},
      {"stream.listen", config.stream.listen},
      {"http.listen", config.http.listen}};
  for (const auto& [key, listen] : listeners) {
    for (Address& address : listen) {
      if (!address.is_local() && !config.insecure) continue;  // refused in any case
      if (auto found = look_up_to_listen(address)) {
        address = *found;
      } else {
        problems.push_back({key, found.error().message});
      }
    }
  }
}

std::vector<Problem> notes_on(const Config& config) {
  std::vector<Problem> notes;
  const auto look_for_folder = [&notes](const char* key, const std::vector<Address>& places) {
    for (const Address& address : places) {
      if (address.scheme() != Address::Scheme::ipc) continue;
      const auto folder = std::filesystem::absolute(address.host()).parent_path();
      std::error_code unknown;
      if (std::filesystem::is_directory(folder, unknown)) continue;
      notes.push_back({key, fmt::format("there is no folder {} yet", folder.string())});
    }
  };
  look_for_folder("push.listen", config.push.listen);
  look_for_folder("acked.listen", config.acked.listen);
  look_for_folder("publish.listen", config.publish.listen);
  look_for_folder("stream.listen", config.stream.listen);
  look_for_folder("upstream.connect", config.upstream.connect);
  for (const Address& address : config.upstream.connect) {
    if (!address.is_name()) continue;
    if (const auto found = system_resolver(address.host()); !found) {
      notes.push_back({"upstream.connect", found.error().message});
    }
  }
  const std::string& broker = config.amqp.url.host;
  if (!broker.empty()) {
    if (const auto found = system_resolver(broker); !found) {
      notes.push_back({"amqp.url", found.error().message});
    }
  }
  return notes;
}

}  // namespace xylem
