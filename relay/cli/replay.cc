#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "relay/agent/agent_runner.h"
#include "relay/base/log.h"
#include "relay/cli/command.h"
#include "relay/cli/progress.h"
#include "relay/cli/recording.h"
#include "relay/client/outbox.h"
#include "relay/event/topic_filter.h"

namespace xylem::cli {
namespace {

constexpr double kSecondsMax = 1e9;  // between two events, whatever the recording says

struct ReplayOptions {
  std::string file;
  std::vector<std::string> patterns;
  std::string connect;
  std::string speed = "1";
  double timeout_s = 5;
};

// 0 is full speed.
Result<double> parse_speed(const std::string& text) {
  if (text == "max") return 0;
  double speed = 0;
  const auto [last, failure] = std::from_chars(text.data(), text.data() + text.size(), speed);
  if (failure != std::errc{} || last != text.data() + text.size() || !(speed > 0 && speed < 1e6)) {
    return fail(ErrorCode::usage,
                fmt::format("'{}' is no speed; write 1, 2, 0.5 or max", printable(text)));
  }
  return speed;
}

// The sending end: an outbox on a thread of its own, bounded in bytes. Little of it waits in
// libzmq, where it could not be accounted for.
class Player {
 public:
  Player(const Address& relay, const Clock& clock)
      : clock_(clock), outbox_(options_for(relay), context_), runner_("replay", {&outbox_}, clock) {
    outbox_.use_bell(runner_.doorbell());
  }
  [[nodiscard]] Result<void> start() { return runner_.start(); }
  [[nodiscard]] bool put(const Recorded& event) {
    return outbox_.put(event.key, event.body, event.timestamp_us, false);
  }
  void flush() { outbox_.wake(); }
  [[nodiscard]] std::uint64_t sent() const { return outbox_.figures().sent; }
  [[nodiscard]] std::uint64_t waiting() const { return outbox_.figures().waiting; }
  // Returns how many events were left behind.
  std::uint64_t stop() {
    const Instant deadline = clock_.now() + std::chrono::milliseconds(100);
    runner_.request_stop(outbox_, deadline);
    static_cast<void>(runner_.wait_finished(outbox_, deadline + std::chrono::seconds(1)));
    return runner_.left_behind(outbox_);
  }

 private:
  static Outbox::Options options_for(const Address& relay) {
    Outbox::Options options;
    options.relay = relay;
    options.event_bytes_max = RecordingReader::kEventBytesMax;
    options.send_hwm = 2;
    options.replayed = true;
    return options;
  }
  const Clock& clock_;
  Context context_;
  Outbox outbox_;
  AgentRunner runner_;
};

class Replay {
 public:
  Replay(const ReplayOptions& options, const Address& relay, TopicFilter filter, double speed)
      : options_(options),
        relay_(relay),
        filter_(std::move(filter)),
        speed_(speed),
        timeout_(
            std::chrono::duration_cast<Duration>(std::chrono::duration<double>(options.timeout_s))),
        player_(relay, clock_) {}

  int run(std::istream& in, std::uint64_t file_bytes) {
    if (const auto started = player_.start(); !started) return failed(started.error().message);
    file_bytes_ = file_bytes;
    started_ = clock_.now();
    RecordingReader reader(in);
    std::optional<Error> error;
    bool given_up = false;
    while (!given_up && !interrupted()) {
      const auto line = reader.next();
      if (!line) error = line.error();
      if (!line || *line == nullptr) break;
      read_bytes_ = reader.bytes();
      given_up = !play(**line);
    }
    lines_ = reader.line();
    const bool all_sent = !given_up && settle();
    const std::uint64_t left = player_.stop() + (given_up ? 1 : 0);
    progress_.clear();
    if (!all_sent && left != 0) {
      failed(fmt::format("{} of {} events were not sent: is a relay at {}?", left,
                         player_.sent() + left, relay_.text()) +
             fmt::format(" ({})", why_no_relay(relay_, kPush)));
    }
    summary();
    if (error) return failed(fmt::format("'{}' {}", printable(options_.file), error->message));
    if (left != 0) return kLeftBehind;
    if (!interrupted()) return kFine;
    failed(fmt::format("stopped at line {} of '{}'", reader.line(), printable(options_.file)));
    return kLeftBehind;
  }

 private:
  // False: the relay takes nothing any more.
  [[nodiscard]] bool play(const Recorded& line) {
    if (line.is_gap) {
      ++gaps_;
      missing_ += line.missing;
      return true;
    }
    ++events_;
    if (!filter_.matches(line.key)) return true;
    ++wanted_;
    if (speed_ > 0) wait_until_due(line.received_us);
    return interrupted() || hand_over(line);
  }
  void wait_until_due(std::int64_t received_us) {
    if (!first_us_) first_us_ = received_us;
    const double apart_s =
        static_cast<double>(clipped_difference(received_us, *first_us_)) / 1e6 / speed_;
    const Instant due =
        started_ + std::chrono::duration_cast<Duration>(
                       std::chrono::duration<double>(std::clamp(apart_s, 0.0, kSecondsMax)));
    if (clock_.now() >= due) return;
    player_.flush();
    while (clock_.now() < due && !interrupted()) {
      show(fmt::format("next in {:.1f} s",
                       std::chrono::duration<double>(due - clock_.now()).count()));
      rest(std::min<Duration>(due - clock_.now(), std::chrono::milliseconds(50)));
    }
  }
  // Waits for room in the outbox, as long as it moves.
  [[nodiscard]] bool hand_over(const Recorded& line) {
    if ((++handed_over_ & 0x3FF) == 0) show({});
    if (player_.put(line)) return true;
    return wait_while_moving([&] { return interrupted() || player_.put(line); });
  }
  // Until everything is sent.
  [[nodiscard]] bool settle() {
    player_.flush();
    return wait_while_moving([&] { return player_.waiting() == 0; });
  }
  template <class Done>
  [[nodiscard]] bool wait_while_moving(Done done) {
    std::uint64_t sent = player_.sent();
    Instant moved = clock_.now();
    while (!done()) {
      const Instant now = clock_.now();
      const std::uint64_t sent_now = player_.sent();
      if (std::exchange(sent, sent_now) != sent_now) moved = now;
      if (now - moved > timeout_) return false;
      show("waiting for the relay");
      rest(std::chrono::milliseconds(1));
    }
    return true;
  }
  static void rest(Duration time) {
    const timespec pause{0, std::max<Duration>(time, Duration(0)).count()};
    ::nanosleep(&pause, nullptr);
  }
  void show(const std::string& more) {
    progress_.show(clock_.now(), [&] {
      std::string text = counted(player_.sent(), "event") + " sent";
      if (file_bytes_ != 0) text += fmt::format(", {} % read", read_bytes_ * 100 / file_bytes_);
      return more.empty() ? text : text + ", " + more;
    });
  }
  void summary() const {
    if (lines_ == 0) std::fprintf(stderr, "the recording is empty\n");
    if (events_ != 0 && wanted_ == 0) {
      std::fprintf(stderr, "no event of the recording is under these patterns\n");
    }
    std::string text =
        fmt::format("replayed {} to {} in {:.1f} s", counted(player_.sent(), "event"),
                    relay_.text(), std::chrono::duration<double>(clock_.now() - started_).count());
    if (gaps_ != 0) {
      text += "; passed over " + counted(gaps_, "gap");
      if (missing_ != 0) text += fmt::format(", {} events missing in the recording", missing_);
    }
    std::fprintf(stderr, "%s\n", text.c_str());
  }

  const ReplayOptions& options_;
  const Address& relay_;
  TopicFilter filter_;
  double speed_;
  Duration timeout_;
  SystemClock clock_;
  Player player_;
  Progress progress_;
  std::uint64_t file_bytes_ = 0;
  std::uint64_t read_bytes_ = 0;
  std::uint64_t handed_over_ = 0;
  std::uint64_t lines_ = 0;
  std::uint64_t events_ = 0;  // of the recording, and those of them under the patterns
  std::uint64_t wanted_ = 0;
  std::uint64_t gaps_ = 0;
  std::uint64_t missing_ = 0;
  Instant started_;
  std::optional<std::int64_t> first_us_;
};

int replay(const ReplayOptions& options) {
  const auto relay = endpoint(options.connect, "XYLEM_PUSH", "tcp://127.0.0.1:7600");
  if (!relay) return misused(relay.error().message);
  const auto speed = parse_speed(options.speed);
  if (!speed) return misused(speed.error().message);
  auto filter = TopicFilter::parse(options.patterns);
  if (!filter) return misused(filter.error().message);
  if (const auto fine = check_can_match(options.patterns); !fine) {
    return misused(fine.error().message);
  }
  watch_for_interrupt();
  std::ifstream file;
  std::uint64_t file_bytes = 0;
  if (options.file != "-") {
    file.open(options.file, std::ios::binary);
    if (!file) {
      return failed(fmt::format("'{}': {}", printable(options.file), std::strerror(errno)));
    }
    std::error_code unknown;
    if (std::filesystem::is_directory(options.file, unknown)) {
      return failed(fmt::format("'{}': it is a folder", printable(options.file)));
    }
    const auto size = std::filesystem::file_size(options.file, unknown);
    if (!unknown) file_bytes = size;
  }
  Replay played(options, *relay, std::move(*filter), *speed);
  return played.run(options.file == "-" ? std::cin : file, file_bytes);
}

}  // namespace

void add_replay(CLI::App& app, Run& run) {
  auto options = std::make_shared<ReplayOptions>();
  CLI::App* command = app.add_subcommand("replay", "Play a recording back through a relay");
  command->add_option("file", options->file, "What `xylem record` wrote; '-' for stdin")
      ->required();
  command->add_option("patterns", options->patterns,
                      "Only events under these AMQP topic patterns (default: everything)");
  command->add_option("--connect", options->connect,
                      "Push endpoint (default: XYLEM_PUSH, or tcp://127.0.0.1:7600)");
  command->add_option("--speed", options->speed,
                      "1 (default) keeps the distances in time, 2 halves them, max has none");
  command
      ->add_option("--timeout", options->timeout_s,
                   "Seconds to wait for a relay that takes nothing")
      ->check(number_above(Zero::taken));
  command->footer(
      "Example: xylem replay failures.jsonl --speed max\n"
      "The events are marked as replayed: subscribers of the stream get them and see the mark, "
      "those of\npublish get none. Gaps of the recording are passed over. Exit code 3 if something "
      "was not sent.");
  command->callback([options, &run] { run = [options] { return replay(*options); }; });
}

}  // namespace xylem::cli
