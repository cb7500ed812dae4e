#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>

#include "relay/base/log.h"
#include "relay/cli/command.h"
#include "relay/cli/follow.h"
#include "relay/cli/output.h"
#include "relay/cli/progress.h"
#include "relay/cli/recording.h"

namespace xylem::cli {
namespace {

constexpr Duration kFlushInterval = std::chrono::milliseconds(200);

struct RecordOptions {
  std::string file;
  FollowOptions follow;
  bool force = false;
  bool append = false;
};

Result<Output> open_file(const RecordOptions& options) {
  return Output::open(options.file, options.append  ? Output::Mode::append
                                    : options.force ? Output::Mode::replace
                                                    : Output::Mode::create);
}

class Recorder final : public Follower {
 public:
  Recorder(std::string path, Output output)
      : path_(std::move(path)),
        output_(std::move(output)),
        on_terminal_(is_terminal(STDERR_FILENO)) {}

  void on_event(const Receiver::Event& event) override {
    ++events_;
    output_.line(recorded_line(event));
  }
  void on_gap(const Gap& gap) override {
    ++gaps_;
    missing_ += gap.count;
    unknown_ += gap.count == 0;
    output_.line(recorded_line(gap));
  }
  void on_turn(Instant now) override {
    if (started_ == Instant{}) started_ = flushed_at_ = now;
    if (hung_up()) on_hangup();
    if (now - flushed_at_ >= kFlushInterval) {
      flushed_at_ = now;
      flush();
    }
    progress_.show(now, [&] {
      const double seconds = std::chrono::duration<double>(now - started_).count();
      return fmt::format("{}, {:.0f} events/s", account(),
                         seconds > 0 ? static_cast<double>(events_) / seconds : 0);
    });
  }
  [[nodiscard]] bool has_failed() const override {
    return left_alone_ || !trouble_.empty() || output_.has_failed();
  }

  // The last bytes are in the file, as far as the system says so.
  [[nodiscard]] Result<void> finish() {
    progress_.clear();
    const auto finished = output_.finish();
    if (!finished) {
      // What stdio still held may be there in part.
      return fail(ErrorCode::io,
                  fmt::format("'{}': {}; of {} events at least {} are there", printable(path_),
                              finished.error().message, events_, events_written_));
    }
    if (!trouble_.empty()) {
      return fail(ErrorCode::io, fmt::format("{}, after {}", trouble_, account()));
    }
    return {};
  }
  [[nodiscard]] bool is_empty() const { return output_.bytes() == 0; }
  // "12 events, 3.4 kB, 1 gap, 7 events missing"
  [[nodiscard]] std::string account() const {
    std::string text = fmt::format("{}, {}, {}", counted(events_, "event"),
                                   bytes_text(output_.bytes()), counted(gaps_, "gap"));
    if (missing_ != 0) text += fmt::format(", {} events missing", missing_);
    if (unknown_ != 0) text += fmt::format(", {} of unknown size", unknown_);
    return text;
  }

  // A relay was there, so that what was in the file before has had its time.
  void discard_old() { output_.discard_old(); }
  void remove_if_made() const { output_.remove_if_made(path_); }

 private:
  void flush() {
    output_.flush();
    if (!output_.has_failed()) events_written_ = events_;
  }
  // Log rotation has moved the file away. Or the terminal was closed, which ends what ran on it.
  void on_hangup() {
    if (on_terminal_ && !is_terminal(STDERR_FILENO)) {
      left_alone_ = true;
    } else if (auto done = output_.reopen(path_); !done) {
      trouble_ = done.error().message;
    }
  }

  std::string path_;
  Output output_;
  bool on_terminal_;
  bool left_alone_ = false;
  std::string trouble_;
  Progress progress_;
  std::uint64_t events_ = 0;
  std::uint64_t events_written_ = 0;
  std::uint64_t gaps_ = 0;
  std::uint64_t missing_ = 0;  // events, where the number is known
  std::uint64_t unknown_ = 0;  // gaps whose number is not
  Instant started_;
  Instant flushed_at_;
};

int record(const RecordOptions& options) {
  const auto receiver = receiver_of(options.follow, "record");
  if (!receiver) return misused(receiver.error().message);
  watch_for_interrupt();
  ::signal(SIGPIPE, SIG_IGN);
  auto file = open_file(options);
  if (!file) return failed(file.error().message);
  if (!file->is_stdout()) watch_for_hangup();
  Recorder recorder(options.file, std::move(*file));
  const auto followed = follow(options.follow, *receiver, recorder);
  if (followed) recorder.discard_old();
  const auto finished = recorder.finish();
  const std::string name = printable(options.file);
  // Nothing came of it; the next try need not be told to write over it.
  if (!followed && recorder.is_empty() && !options.append) recorder.remove_if_made();
  if (!finished) return failed(finished.error().message);
  if (followed || !recorder.is_empty()) {
    std::fprintf(stderr, "recorded %s to %s\n", recorder.account().c_str(), name.c_str());
  }
  return followed ? kFine : failed(followed.error().message);
}

}  // namespace

void add_record(CLI::App& app, Run& run) {
  auto options = std::make_shared<RecordOptions>();
  CLI::App* command = app.add_subcommand("record", "Capture events to a file");
  command->add_option("file", options->file, "Where to; '-' for stdout")->required();
  add_follow_options(*command, options->follow);
  CLI::Option* force =
      command->add_flag("--force", options->force, "Write over a file that is there already");
  command->add_flag("--append", options->append, "Write behind what is in it already")
      ->excludes(force);
  command->footer(
      "Example: xylem record failures.jsonl 'task.failed' --since 1h\n"
      "One JSON object a line: an event with its sequence, time and routing key, byte for byte, "
      "or a gap\nin the place of what was missed. A relay that was away or restarted is asked for "
      "what it still has.\n`xylem replay` plays the file back. SIGHUP opens the file by its name "
      "again, "
      "for log rotation.");
  command->callback([options, &run] { run = [options] { return record(*options); }; });
}

}  // namespace xylem::cli
