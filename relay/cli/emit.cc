#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "relay/cli/command.h"
#include "relay/client/dispatcher.h"
#include "relay/event/routing_key.h"

namespace xylem::cli {
namespace {

constexpr std::size_t kFieldsBytesMax = 60'000;  // with the common fields, near the relay's 64 KiB

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

int emit(const EmitOptions& options) {
  const auto address = endpoint(options.connect, "XYLEM_PUSH", "tcp://127.0.0.1:7600");
  if (!address) return misused(address.error().message);
  if (!is_routing_key(key_of_type(options.type)))
    return misused("the type makes no valid routing key");
  for (const std::string& field : options.fields) {
    if (field.find('=') == std::string::npos) {
      failed(fmt::format("'{}' needs FIELD=VALUE", field));
      return kUsage;
    }
  }
  watch_for_interrupt();
  Context context;
  const SystemClock clock;
  Dispatcher::Options made;
  made.relay = *address;
  made.hostname = options.hostname;
  auto dispatcher = Dispatcher::open(made, context, clock);
  if (!dispatcher) return failed(dispatcher.error().message);

  const Instant started = clock.now();
  const auto timeout =
      std::chrono::duration_cast<Duration>(std::chrono::duration<double>(options.timeout_s));
  Instant progress = started;
  EventFields fields;
  for (std::uint64_t n = 1; n <= options.count && !interrupted(); ++n) {
    fields.clear();
    for (const std::string& field : options.fields) {
      const std::size_t equals = field.find('=');
      add_field(fields, field.substr(0, equals), with_number(field.substr(equals + 1), n));
    }
    // Full means that the relay is slow, or that there is none.
    while ((*dispatcher)->send(options.type, fields) != Dispatcher::Sent::queued) {
      if (fields.text().size() > kFieldsBytesMax) return misused("the event is larger than 64 KiB");
      if (interrupted() || clock.now() - progress > timeout) {
        return failed(fmt::format("event {} was not taken: is a relay at {}?", n, address->text()));
      }
      static_cast<void>(wait_until(clock, clock.now() + std::chrono::milliseconds(1)));
    }
    progress = clock.now();
    if (options.rate > 0) {
      const auto due = std::chrono::duration<double>(static_cast<double>(n) / options.rate);
      if (!wait_until(clock, started + std::chrono::duration_cast<Duration>(due))) break;
    }
  }
  (*dispatcher)->flush();
  const std::uint64_t left = (*dispatcher)->close(timeout);
  const OutboxFigures figures = (*dispatcher)->figures();
  if (left != 0) {
    return failed(fmt::format("{} of {} events were not sent: is a relay at {}?", left,
                              figures.offered, address->text()));
  }
  std::fprintf(stderr, "sent %llu %s to %s\n", static_cast<unsigned long long>(figures.sent),
               figures.sent == 1 ? "event" : "events", address->text().c_str());
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
  command->add_option("--count", options->count, "How many events")->check(CLI::PositiveNumber);
  command->add_option("--rate", options->rate, "Events per second (default: as fast as it goes)");
  command->add_option("--hostname", options->hostname, "The node name that the events carry");
  command->add_option("--timeout", options->timeout_s,
                      "Seconds to wait for the relay to take them");
  command->footer(
      "Example: xylem emit task-succeeded uuid=t{n} runtime=0.25 --count 1000 --rate 100");
  command->callback([options, &run] { run = [options] { return emit(*options); }; });
}

}  // namespace xylem::cli
