#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>

#include "relay/cli/command.h"
#include "relay/cli/event_text.h"
#include "relay/cli/follow.h"

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
    print(json_ ? json_line(event, metadata_) : text_.line(event));
  }
  void on_gap(const Gap& gap) override {
    ++gaps_;
    missing_ += gap.count;
    print(json_ ? json_line(gap) : text_line(gap));
  }
  void on_turn(Instant) override { broken_pipe_ |= std::fflush(stdout) != 0; }
  [[nodiscard]] bool has_failed() const override { return broken_pipe_; }
  void summary() const {
    std::fprintf(stderr, "%llu events, %llu gaps", static_cast<unsigned long long>(events_),
                 static_cast<unsigned long long>(gaps_));
    if (missing_ != 0)
      std::fprintf(stderr, ", %llu events missing", static_cast<unsigned long long>(missing_));
    std::fputs("\n", stderr);
  }

 private:
  void print(const std::string& line) { broken_pipe_ |= std::puts(line.c_str()) < 0; }

  bool metadata_;
  bool json_;
  EventText text_;
  std::uint64_t events_ = 0;
  std::uint64_t gaps_ = 0;
  std::uint64_t missing_ = 0;
  bool broken_pipe_ = false;
};

int dump(const DumpOptions& options) {
  const auto receiver = receiver_of(options.follow, "dump");
  if (!receiver) return misused(receiver.error().message);
  watch_for_interrupt();
  ::signal(SIGPIPE, SIG_IGN);
  Dump printer(options);
  const auto followed = follow(options.follow, *receiver, printer);
  if (followed || followed.error().code == ErrorCode::timed_out) printer.summary();
  return followed ? kFine : failed(followed.error().message);
}

}  // namespace

void add_dump(CLI::App& app, Run& run) {
  auto options = std::make_shared<DumpOptions>();
  CLI::App* command = app.add_subcommand("dump", "Follow events");
  add_follow_options(*command, options->follow);
  command
      ->add_option("--format", options->format,
                   "text (default on a terminal) or json (one event a line)")
      ->check(CLI::IsMember({"text", "json"}));
  command->add_flag("--metadata", options->metadata,
                    "json: wrap each event with its sequence and routing key");
  command->footer(
      "Example: xylem dump 'task.failed' --since 5m\n"
      "What was missed is said in its place: a gap with the exact number of events.");
  command->callback([options, &run] { run = [options] { return dump(*options); }; });
}

}  // namespace xylem::cli
