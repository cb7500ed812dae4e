#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "relay/cli/command.h"
#include "relay/cli/event_text.h"
#include "relay/client/receiver.h"
#include "relay/event/topic_filter.h"

namespace xylem::cli {
namespace {

struct DumpOptions {
  std::string connect;
  std::vector<std::string> patterns;
  std::string format;
  std::string overflow = "drop_oldest";
  std::string name;
  std::uint64_t limit = 0;
  double seconds = 0;
  bool metadata = false;
};

class Dump {
 public:
  Dump(const DumpOptions& options, bool json) : options_(options), json_(json) {}

  void events(const Batch& batch) {
    for (const EventEntry& entry : batch.entries()) {
      if (enough()) return;
      ++events_;
      const Receiver::Event event = Receiver::event_of(batch, entry);
      print(json_ ? json_line(event, options_.metadata) : text_.line(event));
    }
  }
  void gap(const Gap& gap) {
    ++gaps_;
    missing_ += gap.count;
    print(json_ ? json_line(gap) : text_line(gap));
  }
  [[nodiscard]] bool enough() const {
    return broken_pipe_ || (options_.limit != 0 && events_ >= options_.limit);
  }
  void flush() { broken_pipe_ |= std::fflush(stdout) != 0; }
  void summary() const {
    std::fprintf(stderr, "%llu events, %llu gaps", static_cast<unsigned long long>(events_),
                 static_cast<unsigned long long>(gaps_));
    if (missing_ != 0)
      std::fprintf(stderr, ", %llu events missing", static_cast<unsigned long long>(missing_));
    std::fputs("\n", stderr);
  }

 private:
  void print(const std::string& line) { broken_pipe_ |= std::puts(line.c_str()) < 0; }

  const DumpOptions& options_;
  bool json_;
  EventText text_;
  std::uint64_t events_ = 0;
  std::uint64_t gaps_ = 0;
  std::uint64_t missing_ = 0;
  bool broken_pipe_ = false;
};

int dump(const DumpOptions& options) {
  const auto address = endpoint(options.connect, "XYLEM_STREAM", "tcp://127.0.0.1:7603");
  if (!address) return misused(address.error().message);
  const auto overflow = parse_overflow(options.overflow);
  if (!overflow) return misused(overflow.error().message);
  if (const auto filter = TopicFilter::parse(options.patterns); !filter) {
    return misused(filter.error().message);
  }
  watch_for_interrupt();
  ::signal(SIGPIPE, SIG_IGN);

  Receiver::Options made;
  made.relay = *address;
  made.name = options.name.empty() ? fmt::format("dump-{}", ::getpid()) : options.name;
  made.patterns = options.patterns;
  made.overflow = *overflow;
  Context context;
  const SystemClock clock;
  Receiver receiver(made, context, clock);
  const bool json = options.format.empty() ? !is_terminal(STDOUT_FILENO) : options.format == "json";
  Dump printer(options, json);
  receiver.on_gap([&](const Gap& gap) { printer.gap(gap); });
  if (const auto opened = receiver.open(); !opened) return failed(opened.error().message);

  const Instant started = clock.now();
  bool said_waiting = false;
  constexpr Duration kTurn = std::chrono::milliseconds(100);
  while (!interrupted() && !printer.enough()) {
    const auto batch = receiver.receive(kTurn);
    if (!batch) return failed(batch.error().message);
    if (*batch) printer.events(**batch);
    printer.flush();
    const Duration elapsed = clock.now() - started;
    if (options.seconds > 0 && elapsed > std::chrono::duration<double>(options.seconds)) break;
    if (!receiver.is_connected() && !said_waiting && elapsed > std::chrono::seconds(1)) {
      said_waiting = true;
      std::fprintf(stderr, "waiting for a relay at %s ...\n", address->text().c_str());
    }
  }
  const bool connected = receiver.is_connected();
  receiver.close();
  printer.summary();
  return connected ? kFine : failed(fmt::format("there is no relay at {}", address->text()));
}

}  // namespace

void add_dump(CLI::App& app, Run& run) {
  auto options = std::make_shared<DumpOptions>();
  CLI::App* command = app.add_subcommand("dump", "Follow events");
  command->add_option("patterns", options->patterns,
                      "AMQP topic patterns, such as 'task.*' or 'worker.#' (default: everything)");
  command->add_option("--connect", options->connect,
                      "Stream endpoint (default: XYLEM_STREAM, or tcp://127.0.0.1:7603)");
  command
      ->add_option("--format", options->format,
                   "text (default on a terminal) or json (one event a line)")
      ->check(CLI::IsMember({"text", "json"}));
  command->add_flag("--metadata", options->metadata,
                    "json: wrap each event with its sequence and routing key");
  command->add_option("--limit", options->limit, "Stop after so many events");
  command->add_option("--seconds", options->seconds, "Stop after so many seconds");
  command->add_option("--overflow", options->overflow,
                      "When we are too slow: drop_oldest, drop_newest, block, disconnect");
  command->add_option("--name", options->name, "How the relay's metrics call us");
  command->footer("What was missed is said in its place: a gap with the exact number of events.");
  command->callback([options, &run] { run = [options] { return dump(*options); }; });
}

}  // namespace xylem::cli
