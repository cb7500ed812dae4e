#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <cstdio>
#include <memory>

#include "relay/amqp/control_broadcast.h"
#include "relay/amqp/host_lookup.h"
#include "relay/base/log.h"
#include "relay/cli/command.h"
#include "relay/node/config.h"

namespace xylem::cli {
namespace {

constexpr const char* kLocalBroker = "amqp://guest@localhost:5672//";
constexpr int kAnswerMs = 5000;

struct ControlOptions {
  ConfigSources sources;
  std::string url;
  std::string command;
  std::vector<std::string> destination;
  std::string exchange = "celery";
};

// What became of the one message: true if anybody is bound to get it.
Result<bool> outcome(BrokerConnection& connection) {
  bool returned = false;
  for (;;) {
    XYLEM_TRY(const auto frame, connection.next());
    if (!frame) {
      pollfd wait{connection.fd(), POLLIN, 0};
      if (::poll(&wait, 1, kAnswerMs) != 1) {
        return fail(ErrorCode::timed_out, "the broker does not confirm it");
      }
    } else if (std::holds_alternative<Returned>(*frame)) {
      returned = true;
    } else if (const auto* confirm = std::get_if<Confirm>(&*frame)) {
      if (!confirm->acked) return fail(ErrorCode::refused, "the broker did not take it");
      return !returned;
    }
  }
}

Result<bool> tell(const BrokerOptions& broker, ControlCommand command,
                  const ControlOptions& options) {
  const SystemClock clock;
  HostLookup lookup;
  BrokerPulse pulse(clock);
  XYLEM_TRY(const auto connection, BrokerConnection::open(broker, lookup, pulse));
  if (auto done = connection->select_confirms(); !done) return tl::unexpected(done.error());
  auto sent = broadcast(*connection, command, options.destination, options.exchange);
  if (!sent) return tl::unexpected(sent.error());
  auto heard = outcome(*connection);
  connection->close();
  return heard;
}

int control(ControlOptions options) {
  const std::string given = options.command;
  std::replace(options.command.begin(), options.command.end(), '-', '_');
  const auto command = parse_control_command(options.command);
  if (!command) {
    return misused(fmt::format("'{}' is not one of heartbeat, enable-events", printable(given)));
  }
  if (says_password(options.url)) {
    return misused(
        "a password on the command line can be read by everybody, with ps; put the URL "
        "into XYLEM_AMQP_URL");
  }
  options.sources.environment = environment();
  const auto config = load_config(options.sources);
  if (!config) {
    std::fputs(text_of(config.error()).c_str(), stderr);
    return kBadConfiguration;
  }
  BrokerOptions broker = config->amqp;
  broker.name = "xylem control";
  if (!options.url.empty() || config->amqp_url.empty()) {
    const auto url = BrokerUrl::parse(options.url.empty() ? kLocalBroker : options.url);
    if (!url) return misused("--connect " + url.error().message);
    broker.url = *url;
    broker.heed_query();
  }
  const auto heard = tell(broker, *command, options);
  if (!heard) return failed(heard.error().message);
  if (!*heard) {
    return failed(fmt::format("nobody listens on {}.pidbox at {}: is a worker running?",
                              options.exchange, broker.url.text()));
  }
  std::fprintf(stderr, "told %s to %s\n", std::string(name_of(*command)).c_str(),
               options.destination.empty()
                   ? "all workers"
                   : fmt::format("{}", fmt::join(options.destination, ", ")).c_str());
  return kFine;
}

}  // namespace

void add_control(CLI::App& app, Run& run) {
  auto options = std::make_shared<ControlOptions>();
  CLI::App* command =
      app.add_subcommand("control", "Tell Celery's workers something, over their broker");
  command
      ->add_option("command", options->command,
                   "heartbeat: say at once that you are there; enable-events: send task events")
      ->required();
  command
      ->add_option("--destination", options->destination,
                   "Only this worker, such as celery@host; may be repeated")
      ->allow_extra_args(false);
  command->add_option("--connect", options->url,
                      "AMQP URL (default: amqp.url, or amqp://guest@localhost:5672//)");
  command->add_option("--exchange", options->exchange,
                      "Celery's control_exchange (default: celery)");
  command->add_option("-c,--config", options->sources.file, "TOML file with [amqp]")
      ->check(file_is_named);
  command->add_option("--set", options->sources.assignments, "KEY=VALUE, stronger than the file")
      ->allow_extra_args(false);
  command->footer(
      "Example: XYLEM_AMQP_URL=amqp://me:secret@localhost// xylem control heartbeat\n"
      "enable-events has no effect on workers started with -E, which send them anyway.");
  command->callback([options, &run] { run = [options] { return control(*options); }; });
}

}  // namespace xylem::cli
