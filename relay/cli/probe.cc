#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "relay/base/log.h"
#include "relay/cli/command.h"
#include "relay/http/fetch.h"

namespace xylem::cli {
namespace {

struct ProbeOptions {
  std::string connect = kHttpRelay;
  std::string hostname;
  bool nagios = false;
};

// What is known, and why.
struct Verdict {
  std::string word;
  std::string why;
};

// Nagios asks for a state, everybody else whether to end what is probed: for what nobody knows, as
// while a relay starts, that would be wrong.
int exit_code(const Verdict& verdict, bool nagios) {
  if (verdict.word == "dead") return nagios ? 2 : kFailed;
  if (!nagios || verdict.word == "alive") return kFine;
  return verdict.word == "late" ? 1 : 3;
}

int tell(const Verdict& verdict, const ProbeOptions& options, const std::string& who) {
  std::printf("%s: %s%s\n", printable(who).c_str(), verdict.word.c_str(),
              verdict.why.empty() ? "" : (", " + printable(verdict.why)).c_str());
  return exit_code(verdict, options.nagios);
}

Verdict worker_verdict(const Address& relay, const std::string& hostname) {
  const auto body = http_get(relay, "/api/v1/workers/" + path_part(hostname));
  if (!body) return {"unknown", body.error().message};
  const auto worker = nlohmann::json::parse(*body, nullptr, false);
  const auto found = worker.is_object() ? worker.find("verdict") : worker.end();
  if (found == worker.end() || !found->is_string()) return {"unknown", "what answers is no relay"};
  return {found->get<std::string>(), ""};
}

int probe_worker(const ProbeOptions& options) {
  const auto relay = http_relay(options.connect);
  if (!relay) return misused(relay.error().message);
  return tell(worker_verdict(*relay, options.hostname), options, options.hostname);
}

int probe_relay(const ProbeOptions& options) {
  const auto relay = http_relay(options.connect);
  if (!relay) return misused(relay.error().message);
  const auto body = http_get(*relay, "/readyz");
  return tell(body ? Verdict{"alive", ""} : Verdict{"dead", body.error().message}, options,
              relay->text());
}

void add_options(CLI::App& command, ProbeOptions& options) {
  command.add_option("--connect", options.connect,
                     fmt::format("The relay's HTTP endpoint (default: {})", kHttpRelay));
  command.add_flag("--nagios", options.nagios,
                   "Exit codes of Nagios: 0 alive, 1 late, 2 dead, 3 unknown");
}

}  // namespace

void add_probe(CLI::App& app, Run& run) {
  auto options = std::make_shared<ProbeOptions>();
  CLI::App* command = app.add_subcommand("probe", "Alive, dead or unknown, for probes");
  command->require_subcommand(1);
  command->footer(
      "Exit codes: 1 for what is dead, else 0: what is unknown, as while the relay starts, is no "
      "reason to end a worker.");
  CLI::App* worker = command->add_subcommand("worker", "A worker, by what the relay hears of it");
  worker->add_option("hostname", options->hostname, "Such as celery@web-1")->required();
  add_options(*worker, *options);
  worker->callback([options, &run] { run = [options] { return probe_worker(*options); }; });
  CLI::App* relay = command->add_subcommand("relay", "The relay itself: does data flow?");
  add_options(*relay, *options);
  relay->callback([options, &run] { run = [options] { return probe_relay(*options); }; });
}

}  // namespace xylem::cli
