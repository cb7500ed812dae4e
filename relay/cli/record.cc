#include <fmt/format.h>
#include <signal.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>

#include "relay/base/log.h"
#include "relay/cli/command.h"
#include "relay/cli/follow.h"
#include "relay/cli/progress.h"
#include "relay/cli/recording.h"

namespace xylem::cli {
namespace {

constexpr Duration kFlushInterval = std::chrono::milliseconds(200);

struct RecordOptions {
  std::string file;
  FollowOptions follow;
  bool force = false;
};

struct Close {
  void operator()(std::FILE* file) const {
    if (file != stdout) std::fclose(file);
  }
};
using File = std::unique_ptr<std::FILE, Close>;

Result<File> open_file(const RecordOptions& options) {
  if (options.file == "-") return File(stdout);
  File file(std::fopen(options.file.c_str(), options.force ? "we" : "wxe"));
  if (file) return file;
  const char* why =
      errno == EEXIST ? "it is there already; --force writes over it" : std::strerror(errno);
  return fail(ErrorCode::io, fmt::format("'{}': {}", printable(options.file), why));
}

class Recorder final : public Follower {
 public:
  explicit Recorder(File file) : file_(std::move(file)) {}

  void on_event(const Receiver::Event& event) override {
    ++events_;
    write(recorded_line(event));
  }
  void on_gap(const Gap& gap) override {
    ++gaps_;
    missing_ += gap.count;
    unknown_ += gap.count == 0;
    write(recorded_line(gap));
  }
  void on_turn(Instant now) override {
    if (started_ == Instant{}) started_ = flushed_at_ = now;
    if (now - flushed_at_ >= kFlushInterval) {
      flushed_at_ = now;
      if (std::fflush(file_.get()) != 0) remember_error();
    }
    progress_.show(now, [&] {
      const double seconds = std::chrono::duration<double>(now - started_).count();
      return fmt::format("{}, {:.0f} events/s", account(),
                         seconds > 0 ? static_cast<double>(events_) / seconds : 0);
    });
  }
  [[nodiscard]] bool has_failed() const override { return error_ != 0; }

  // The last bytes are in the file, as far as the system says so.
  [[nodiscard]] Result<void> finish() {
    progress_.clear();
    if (std::fflush(file_.get()) != 0) remember_error();
    if (file_.get() != stdout && std::fclose(file_.release()) != 0) remember_error();
    if (error_ == 0) return {};
    return fail(ErrorCode::io, std::strerror(error_));
  }
  [[nodiscard]] bool is_empty() const { return bytes_ == 0; }
  // "12 events, 3.4 kB, 1 gap, 7 events missing"
  [[nodiscard]] std::string account() const {
    std::string text = fmt::format("{} {}, {}, {} {}", events_, events_ == 1 ? "event" : "events",
                                   bytes_text(bytes_), gaps_, gaps_ == 1 ? "gap" : "gaps");
    if (missing_ != 0) text += fmt::format(", {} events missing", missing_);
    if (unknown_ != 0) text += fmt::format(", {} of unknown size", unknown_);
    return text;
  }

 private:
  void write(const std::string& line) {
    if (error_ != 0) return;
    bytes_ += line.size() + 1;
    const bool written = std::fwrite(line.data(), 1, line.size(), file_.get()) == line.size() &&
                         std::fputc('\n', file_.get()) != EOF;
    if (!written) remember_error();
  }
  void remember_error() {
    if (error_ == 0) error_ = errno != 0 ? errno : EIO;
  }

  File file_;
  Progress progress_;
  std::uint64_t events_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t gaps_ = 0;
  std::uint64_t missing_ = 0;  // events, where the number is known
  std::uint64_t unknown_ = 0;  // gaps whose number is not
  Instant started_;
  Instant flushed_at_;
  int error_ = 0;
};

int record(const RecordOptions& options) {
  const auto receiver = receiver_of(options.follow, "record");
  if (!receiver) return misused(receiver.error().message);
  watch_for_interrupt();
  ::signal(SIGPIPE, SIG_IGN);
  auto file = open_file(options);
  if (!file) return failed(file.error().message);
  Recorder recorder(std::move(*file));
  const auto followed = follow(options.follow, *receiver, recorder);
  const auto finished = recorder.finish();
  const std::string name = printable(options.file);
  // Nothing came of it; the next try need not be told to write over it.
  if (!followed && recorder.is_empty() && options.file != "-") std::remove(options.file.c_str());
  if (!finished) {
    return failed(
        fmt::format("'{}': {}, after {}", name, finished.error().message, recorder.account()));
  }
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
  command->add_flag("--force", options->force, "Write over a file that is there already");
  command->footer(
      "Example: xylem record failures.jsonl 'task.failed' --since 1h\n"
      "One JSON object a line: an event with its sequence, time and routing key, byte for byte, "
      "or a gap\nin the place of what was missed. A relay that was away or restarted is asked for "
      "what it still has.\n`xylem replay` plays the file back.");
  command->callback([options, &run] { run = [options] { return record(*options); }; });
}

}  // namespace xylem::cli
