#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>

#include "relay/agent/line_writer.h"
#include "relay/base/log.h"
#include "relay/base/version.h"
#include "relay/cli/command.h"
#include "relay/cli/descriptors.h"
#include "relay/cli/startup_memory.h"
#include "relay/node/config.h"
#include "relay/node/node.h"
#include "relay/node/signals.h"

namespace xylem::cli {
namespace {

constexpr Duration kSignalWait = std::chrono::hours(1);  // nothing else wakes this thread
// How long the last lines may take to be read.
constexpr Duration kLastWordsMax = std::chrono::seconds(1);

// What the process says goes through these, so that no thread of the relay waits for a reader.
struct Writers {
  LineWriter out{"stdout", STDOUT_FILENO};
  LineWriter log{"log", STDERR_FILENO};

  // False if somebody does not read; then a thread is stuck in a write.
  [[nodiscard]] bool finish() { return log.finish(kLastWordsMax) && out.finish(kLastWordsMax); }
};

std::string joined(const std::vector<Address>& addresses) {
  std::vector<std::string> texts;
  for (const Address& address : addresses) texts.push_back(address.text());
  return texts.empty() ? "off" : fmt::format("{}", fmt::join(texts, " "));
}

// Where it listens: for people a line each, for scripts one JSON line on stdout once it is ready.
void announce(const Node& node, LineQueue& out) {
  nlohmann::ordered_json json{{"ready", true}};
  for (const auto& [name, addresses] : node.endpoints()) {
    XYLEM_LOG(info, "{:<8} {}", name, joined(addresses));
    json[name] = nlohmann::ordered_json::array();
    for (const Address& address : addresses) json[name].push_back(address.text());
  }
  XYLEM_LOG(info, "ready");
  if (!is_terminal(STDOUT_FILENO)) out.push(json.dump() + "\n");
}

void reload(Node& node, const ConfigSources& sources) {
  const auto config = load_config(sources);
  if (!config) {
    node.refuse_reload();
    XYLEM_LOG(error, "reload refused, the running configuration stays:\n{}",
              text_of(config.error()));
    return;
  }
  if (const auto done = node.reload(*config); !done) {
    XYLEM_LOG(error, "reload refused: {}", done.error().message);
  } else {
    XYLEM_LOG(info, "configuration reloaded");
  }
}

int report(const StopReport& stopped) {
  for (const StopReport::Line& line : stopped.lines) {
    if (line.late) XYLEM_LOG(error, "{} did not stop by the deadline", line.agent);
    if (line.events_left != 0)
      XYLEM_LOG(warning, "{} left {} events behind", line.agent, line.events_left);
  }
  if (!stopped.any_late() && stopped.events_left() == 0) {
    XYLEM_LOG(info, "stopped; nothing left behind");
    return kFine;
  }
  return kLeftBehind;
}

int not_started(const Error& error, LineQueue& log) {
  log.push(failure_text(error.message));
  return kFailed;
}

// Until a signal says otherwise.
int run(const Config& config, const ConfigSources& sources, Signals& signals, Writers& writers) {
  const SystemClock clock;
  XYLEM_LOG(info, "xylem {}, process {}", kVersion, ::getpid());
  bool stop = false;
  bool again = false;  // reload
  const auto stop_asked = [&] {
    while (const auto signal = signals.wait(Duration(0))) {
      (*signal == Signals::Signal::stop ? stop : again) = true;
    }
    return stop;
  };
  const auto opened = Node::open(config, clock, stop_asked);
  if (stop) {
    XYLEM_LOG(info, "stopped before it was ready; nothing was taken in");
    return kFine;
  }
  if (!opened) return not_started(opened.error(), writers.log.queue());
  Node& node = **opened;
  if (const auto started = node.start(); !started) {
    return not_started(started.error(), writers.log.queue());
  }
  announce(node, writers.out.queue());
  forget_startup_memory();
  if (again) reload(node, sources);

  for (;;) {
    const auto signal = signals.wait(kSignalWait);
    if (signal == Signals::Signal::stop) break;
    if (signal == Signals::Signal::reload) reload(node, sources);
  }
  const Duration patience = node.config().drain_deadline;
  XYLEM_LOG(info, "stopping; up to {} ms to deliver what was accepted (again: at once)",
            std::chrono::duration_cast<std::chrono::milliseconds>(patience).count());
  const auto hurry = [&signals] { return signals.wait(Duration(0)) == Signals::Signal::stop; };
  const StopReport stopped = node.stop(clock.now() + patience, hurry);
  const int code = report(stopped);
  if (stopped.any_late()) {
    // A thread that did not end still has its sockets, and closing the context would wait for it.
    static_cast<void>(writers.finish());
    std::_Exit(code);
  }
  return code;
}

int serve(const ConfigSources& sources) {
  const auto config = load_config(sources);
  Signals signals;
  Writers writers;
  int code = kBadConfiguration;
  if (config) {
    set_log_level(config->log_level);
    prepare_for_few_descriptors();
    send_log_lines_to(&writers.log.queue());
    code = run(*config, sources, signals, writers);
    send_log_lines_to(nullptr);
  } else {
    writers.log.queue().push(text_of(config.error()));
  }
  if (!writers.finish()) std::_Exit(code);
  return code;
}

}  // namespace

void add_serve(CLI::App& app, Run& run) {
  auto sources = std::make_shared<ConfigSources>();
  CLI::App* command =
      app.add_subcommand("serve", "Run a relay. Every option has a default, so no file is needed");
  command
      ->add_option("-c,--config", sources->file, "TOML file; configs/relay.toml has every option")
      ->check(file_is_named);
  command
      ->add_option("--set", sources->assignments,
                   "KEY=VALUE, stronger than the file; may be repeated")
      ->allow_extra_args(false);
  command->add_flag("--insecure", sources->insecure,
                    "Allow listening beyond loopback without encryption or authentication");
  command->footer(
      "SIGTERM or Ctrl-C delivers what was accepted, then stops; a second one stops at once.\n"
      "SIGHUP reads the configuration again and takes over all of it or nothing.\n"
      "When it is ready, and stdout is not a terminal, one JSON line there says where it listens.");
  command->callback([sources, &run] {
    run = [sources] {
      sources->environment = environment();
      return serve(*sources);
    };
  });
}

}  // namespace xylem::cli
