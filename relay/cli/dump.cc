#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>

#include "relay/cli/command.h"
#include "relay/cli/event_text.h"
#include "relay/cli/follow.h"
#include "relay/cli/output.h"
#include "relay/cli/progress.h"

namespace xylem::cli {
namespace {

struct DumpOptions {
  FollowOptions follow;
  std::string format;
  bool metadata = false;
};

class Dump final : public Follower {
 public:
  explicit Dump(const DumpOptions& options)
      : metadata_(options.metadata),
        json_(options.format.empty() ? !is_terminal(STDOUT_FILENO) : options.format == "json") {}

  void on_event(const Receiver::Event& event) override {
    ++events_;
    output_.line(json_ ? json_line(event, metadata_) : text_.line(event));
  }
  void on_gap(const Gap& gap) override {
    ++gaps_;
    missing_ += gap.count;
    output_.line(json_ ? json_line(gap) : text_line(gap));
  }
  void on_turn(Instant) override { output_.flush(); }
  [[nodiscard]] bool has_failed() const override { return output_.has_failed(); }

  // Says what was printed, or why it could not be.
  [[nodiscard]] int finish() {
    const std::string account =
        fmt::format("{}, {}{}", counted(events_, "event"), counted(gaps_, "gap"),
                    missing_ != 0 ? fmt::format(", {} events missing", missing_) : "");
    if (const auto done = output_.finish(); !done) {
      return failed(fmt::format("cannot write to standard output: {}, after at most {}",
                                done.error().message, account));
    }
    // A reader such as head has what it wanted, and how much of the rest it read only it knows.
    std::fprintf(stderr, "%s\n",
                 output_.reader_has_gone() ? "the reader of the events has gone" : account.c_str());
    return kFine;
  }

 private:
  bool metadata_;
  bool json_;
  Output output_ = Output::to_stdout();
  EventText text_{wants_colours(STDOUT_FILENO)};
  std::uint64_t events_ = 0;
  std::uint64_t gaps_ = 0;
  std::uint64_t missing_ = 0;
};

int dump(const DumpOptions& options) {
  const auto receiver = receiver_of(options.follow, "dump");
  if (!receiver) return misused(receiver.error().message);
  watch_for_interrupt();
  ::signal(SIGPIPE, SIG_IGN);
  Dump printer(options);
  const auto followed = follow(options.follow, *receiver, printer);
  const int code = printer.finish();
  return followed || code != kFine ? code : failed(followed.error().message);
}

}  // namespace

void add_dump(CLI::App& app, Run& run) {
  auto options = std::make_shared<DumpOptions>();
  CLI::App* command = app.add_subcommand("dump", "Follow events");
  add_follow_options(*command, options->follow);
  command
      ->add_option(
          "--format", options->format,
          "text (default on a terminal; as celery events --dump) or json (one event a line)")
      ->check(CLI::IsMember({"text", "json"}));
  command->add_flag("--metadata", options->metadata,
                    "json: wrap each event with its sequence and routing key");
  command->footer(
      "Example: xylem dump 'task.failed' --since 5m\n"
      "What was missed is said in its place: a gap with the exact number of events.");
  command->callback([options, &run] { run = [options] { return dump(*options); }; });
}

}  // namespace xylem::cli
