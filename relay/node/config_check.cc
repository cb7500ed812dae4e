#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "relay/node/bridge_options.h"
#include "relay/node/option_table.h"
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
  std::vector<std::pair<const Address*, std::string_view>> seen;
  for (const Endpoint& endpoint : endpoints) {
    for (const Address& address : endpoint.listen) {
      const auto twin = std::find_if(seen.begin(), seen.end(), [&](const auto& other) {
        return same_place(*other.first, address);
      });
      if (twin != seen.end()) {
        const std::string place = address.scheme() == Address::Scheme::ipc
                                      ? address.text()
                                      : fmt::format("{}:{}", address.host(), address.port());
        const bool same_words = twin->first->host() == address.host();
        problems.push_back(
            {std::string(endpoint.key),
             fmt::format("{} is already taken by {}{}", place, twin->second,
                         same_words ? "" : fmt::format(" ({})", twin->first->text()))});
      }
      seen.emplace_back(&address, endpoint.key);
    }
  }
}

// Whether two ways to write a relay upstream, or a relay and this one, are one, as far as it is
// known without asking a name server, which a start does not wait for: the relays find loops
// themselves (docs/protocol.md §7).
bool leads_surely_to(const Address& to, const Address& listen) {
  if (to.is_name() && !to.is_local()) return to == listen;
  return leads_to(to, listen);
}

bool is_same_relay(const Address& a, const Address& b) {
  const bool known = (!a.is_name() || a.is_local()) && (!b.is_name() || b.is_local());
  if (a == b || !known) return a == b;
  if (!a.is_name() && !b.is_name()) return same_place(a, b);
  const auto ip = b.is_name() ? look_up_to_listen(b) : b;
  return ip && leads_surely_to(a, *ip);
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
  if (std::any_of(ours.begin(), ours.end(),
                  [&](const Address& own) { return leads_surely_to(address, own); })) {
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
    if (std::any_of(config.upstream.connect.begin(), address,
                    [&](const Address& other) { return is_same_relay(other, *address); })) {
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
}

// Why this process can make nothing in a folder; empty if it can.
std::string why_not_within(const std::filesystem::path& folder) {
  std::error_code unknown;
  if (!std::filesystem::exists(folder, unknown)) {
    return fmt::format("there is no folder {}", folder.string());
  }
  if (!std::filesystem::is_directory(folder, unknown)) {
    return fmt::format("{} is not a folder", folder.string());
  }
  if (::faccessat(AT_FDCWD, folder.c_str(), W_OK | X_OK, AT_EACCESS) == 0) return {};
  return fmt::format("nothing can be made in {}: {}", folder.string(), std::strerror(errno));
}

void check_spool_folder(const Config& config, std::vector<Problem>& problems) {
  if (config.spool_directory.empty()) return;
  std::error_code unknown;
  auto folder = std::filesystem::absolute(config.spool_directory, unknown).lexically_normal();
  if (!folder.has_filename()) folder = folder.parent_path();
  // The last folder of the path is made, those before it are not.
  const bool is_there = std::filesystem::exists(folder, unknown);
  const std::string why = why_not_within(is_there ? folder : folder.parent_path());
  if (!why.empty()) problems.push_back({"spool.directory", why});
}

void check_ipc(const Endpoint& endpoint, std::vector<Problem>& problems) {
  for (const Address& address : endpoint.listen) {
    if (address.scheme() != Address::Scheme::ipc) continue;
    const auto path = std::filesystem::absolute(address.host());
    std::error_code unknown;
    std::string why = why_not_within(path.parent_path());
    if (why.empty() && std::filesystem::exists(path, unknown) &&
        !std::filesystem::is_socket(path, unknown)) {
      why = fmt::format("{} is there and is no socket", path.string());
    }
    if (!why.empty()) problems.push_back({std::string(endpoint.key), why});
  }
}

// A file may be given to a group that one is in, or by root.
void check_group(const Config& config, std::vector<Problem>& problems) {
  if (!config.ipc.group || ::geteuid() == 0 || ::getegid() == *config.ipc.group) return;
  std::vector<gid_t> groups(static_cast<std::size_t>(std::max(0, ::getgroups(0, nullptr))));
  const int count = ::getgroups(static_cast<int>(groups.size()), groups.data());
  groups.resize(static_cast<std::size_t>(std::max(0, count)));
  if (std::find(groups.begin(), groups.end(), *config.ipc.group) != groups.end()) return;
  problems.push_back({"ipc.group", fmt::format("this user is not in the group '{}', so it can give "
                                               "it no socket",
                                               config.ipc_group)});
}

bool listens_on_ipc(const Config& config) {
  for (const auto* listen :
       {&config.push.listen, &config.acked.listen, &config.publish.listen, &config.stream.listen}) {
    for (const Address& address : *listen) {
      if (address.scheme() == Address::Scheme::ipc) return true;
    }
  }
  return false;
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
  for (const Endpoint& endpoint : endpoints) check_ipc(endpoint, problems);
  if (listens_on_ipc(config)) check_group(config, problems);
  check_spool_folder(config, problems);
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

std::vector<Problem> idle_options(const Config& config) {
  struct Part {
    std::string_view prefix;
    bool works;
    std::string_view without;
  };
  const bool sink = config.amqp_sink.is_wanted();
  const bool source = config.amqp_source.is_wanted();
  const Part parts[] = {
      {"acked.", !config.acked.listen.empty(), "acked.listen"},
      {"publish.", !config.publish.listen.empty(), "publish.listen"},
      {"spool.", !config.spool_directory.empty(), "spool.directory"},
      {"upstream.", !config.upstream.connect.empty(), "upstream.connect"},
      {"amqp.", sink || source, "amqp_source.exchange, amqp_sink.exchange or amqp_sink.queue"},
      {"amqp_source.", source, "amqp_source.exchange"},
      {"amqp_sink.", sink, "amqp_sink.exchange or amqp_sink.queue"},
      {"state.", config.state.enabled, "state.enabled"},
      {"metrics.", config.state.enabled, "state.enabled"},
      {"metrics.compat_", !config.state.compat.programs.empty(), "metrics.compat"},
      {"ipc.", listens_on_ipc(config), "an ipc:// address to listen on"}};
  const Config defaults;
  std::vector<Problem> notes;
  for (const Part& part : parts) {
    if (part.works) continue;
    for (const OptionRow& row : option_table()) {
      const bool listens = row.key.ends_with(".listen") || row.key == "upstream.connect" ||
                           row.key == "state.enabled";
      if (listens || !row.key.starts_with(part.prefix)) continue;
      if (row.toml(config) == row.toml(defaults)) continue;
      notes.push_back(
          {std::string(row.key), fmt::format("means nothing without {}", part.without)});
    }
  }
  return notes;
}

std::vector<Problem> notes_on(const Config& config) {
  std::vector<Problem> notes = idle_options(config);
  for (const Address& address : config.upstream.connect) {
    const auto note = [&](std::string what) {
      notes.push_back({"upstream.connect", std::move(what)});
    };
    if (address.scheme() == Address::Scheme::ipc) {
      const auto folder = std::filesystem::absolute(address.host()).parent_path();
      std::error_code unknown;
      if (std::filesystem::is_directory(folder, unknown)) continue;
      note(fmt::format("there is no folder {} yet", folder.string()));
    } else if (const auto found = look_up_to_connect(address); !found) {
      note(found.error().message);
    } else if (std::any_of(config.acked.listen.begin(), config.acked.listen.end(),
                           [&](const Address& own) { return leads_to(*found, own); })) {
      note(fmt::format("{} leads to this relay's own acked.listen", address.text()));
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
