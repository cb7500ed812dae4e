#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "relay/base/limits.h"
#include "relay/base/log.h"
#include "relay/base/utf8.h"
#include "relay/cli/command.h"
#include "relay/cli/progress.h"
#include "relay/client/dispatcher.h"
#include "relay/event/routing_key.h"

namespace xylem::cli {
namespace {

struct EmitOptions {
  std::string connect;
  std::string type;
  std::vector<std::string> fields;
  std::string hostname;
  std::uint64_t count = 1;
  double rate = 0;
  double timeout_s = 5;
};

std::string with_number(std::string text, std::uint64_t n) {
  for (std::size_t at; (at = text.find("{n}")) != std::string::npos;) {
    text.replace(at, 3, std::to_string(n));
  }
  return text;
}

// A value that is JSON goes as it is (2, true, null, "2", [1]); anything else is a text.
void add_field(EventFields& fields, const std::string& name, const std::string& value) {
  if (nlohmann::json::accept(value)) {
    fields.add_json(name, value);
  } else {
    fields.add(name, value);
  }
}

// What is wrong with the command line, or nothing.
std::string field_problem(const std::vector<std::string>& fields) {
  std::set<std::string> names;
  for (const std::string& field : fields) {
    const std::size_t equals = field.find('=');
    const std::string name = field.substr(0, equals);
    const std::string shown = printable(name);
    if (equals == std::string::npos) return fmt::format("'{}' needs FIELD=VALUE", shown);
    if (name.empty()) return fmt::format("'{}' has no field before its '='", printable(field));
    if (name == "hostname") return "the hostname is said with --hostname";
    if (EventFields::is_common(name)) {
      return fmt::format("every event has a '{}' already, which cannot be given", shown);
    }
    if (!is_utf8(field)) return fmt::format("'{}' is not UTF-8, as JSON must be", printable(field));
    if (!names.insert(name).second) return fmt::format("the field '{}' is given twice", shown);
  }
  return {};
}

// Sleeps until `at`; commands may, the relay may not. False if interrupted.
bool wait_until(const Clock& clock, Instant at) {
  while (clock.now() < at) {
    if (interrupted()) return false;
    const Duration left = std::min<Duration>(at - clock.now(), std::chrono::milliseconds(50));
    const timespec pause{0, left.count()};
    ::nanosleep(&pause, nullptr);
  }
  return true;
}

Duration seconds(double number) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(std::min(number, 1e9)));
}

// Sends all of them, at the rate that was asked for; kFine also if it was interrupted.
int send_all(const EmitOptions& options, const Address& address, Dispatcher& dispatcher,
             const Clock& clock) {
  const Instant started = clock.now();
  Instant progress = started;
  EventFields fields;
  for (std::uint64_t n = 1; n <= options.count && !interrupted(); ++n) {
    fields.clear();
    for (const std::string& field : options.fields) {
      const std::size_t equals = field.find('=');
      add_field(fields, field.substr(0, equals), with_number(field.substr(equals + 1), n));
    }
    auto sent = dispatcher.send(options.type, fields);
    // Full means that the relay is slow, or that there is none.
    while (sent == Dispatcher::Sent::full) {
      if (interrupted() || clock.now() - progress > seconds(options.timeout_s)) {
        return failed(fmt::format("event {} was not taken: is a relay at {}? ({})", n,
                                  address.text(), why_no_relay(address, kPush)));
      }
      static_cast<void>(wait_until(clock, clock.now() + std::chrono::milliseconds(1)));
      sent = dispatcher.send(options.type, fields);
    }
    if (sent == Dispatcher::Sent::refused) {
      return misused(
          fields.is_too_deep()
              ? fmt::format("a field is nested deeper than {} levels, which no relay takes",
                            kJsonDepthMax - 1)
              : fmt::format("the event is larger than {} KiB", Dispatcher::kEventBytesMax >> 10));
    }
    progress = clock.now();
    if (options.rate == 0) continue;
    if (!wait_until(clock, started + seconds(static_cast<double>(n) / options.rate))) break;
  }
  return kFine;
}

int emit(const EmitOptions& options) {
  const auto address = endpoint(options.connect, "XYLEM_PUSH", "tcp://127.0.0.1:7600");
  if (!address) return misused(address.error().message);
  if (!is_routing_key(key_of_type(options.type)) || !is_utf8(options.type)) {
    return misused(fmt::format(
        "the type '{}' makes no valid routing key: 1 to {} bytes of UTF-8, at most {} words, "
        "no control characters",
        printable(options.type), kRoutingKeyBytesMax, kKeyWordsMax));
  }
  if (!is_utf8(options.hostname)) {
    return misused(fmt::format("the hostname '{}' is not UTF-8, as JSON must be",
                               printable(options.hostname)));
  }
  if (const std::string problem = field_problem(options.fields); !problem.empty()) {
    return misused(problem);
  }
  watch_for_interrupt();
  Context context;
  const SystemClock clock;
  Dispatcher::Options made;
  made.relay = *address;
  made.hostname = options.hostname;
  auto dispatcher = Dispatcher::open(made, context, clock);
  if (!dispatcher) return failed(dispatcher.error().message);
  if (const int code = send_all(options, *address, **dispatcher, clock); code != kFine) return code;
  (*dispatcher)->flush();
  const std::uint64_t left = (*dispatcher)->close(seconds(options.timeout_s));
  const OutboxFigures figures = (*dispatcher)->figures();
  if (left != 0) {
    return failed(fmt::format("{} of {} events were not sent: is a relay at {}? ({})", left,
                              figures.sent + left, address->text(), why_no_relay(*address, kPush)));
  }
  std::fprintf(stderr, "sent %s to %s\n", counted(figures.sent, "event").c_str(),
               address->text().c_str());
  return interrupted() ? kFailed : kFine;
}

}  // namespace

void add_emit(CLI::App& app, Run& run) {
  auto options = std::make_shared<EmitOptions>();
  CLI::App* command = app.add_subcommand("emit", "Send synthetic events");
  command->add_option("type", options->type, "Event type, such as task-sent or my-event")
      ->required();
  command->add_option("fields", options->fields,
                      "FIELD=VALUE; a value that is JSON goes as such, {n} is the event's number");
  command->add_option("--connect", options->connect,
                      "Push endpoint (default: XYLEM_PUSH, or tcp://127.0.0.1:7600)");
  add_count(*command, "--count", {options->count}, "How many events");
  command->add_option("--rate", options->rate, "Events per second (default: as fast as it goes)")
      ->check(number_above(Zero::refused));
  command->add_option("--hostname", options->hostname, "The node name that the events carry");
  command->add_option("--timeout", options->timeout_s, "Seconds to wait for the relay to take them")
      ->check(number_above(Zero::taken));
  command->footer(
      "Example: xylem emit task-succeeded uuid=t{n} runtime=0.25 --count 1000 --rate 100");
  command->callback([options, &run] { run = [options] { return emit(*options); }; });
}

}  // namespace xylem::cli
