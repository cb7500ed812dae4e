#include "relay/cli/bench.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <utility>

#include "relay/cli/command.h"
#include "relay/event/topic_filter.h"
#include "relay/transport/socket.h"

extern char** environ;

namespace xylem::cli {
namespace {

constexpr double kReadyPatienceS = 15;

// A relay of our own on sockets of our own, ended by its process id.
class OwnRelay {
 public:
  OwnRelay() = default;
  ~OwnRelay() { static_cast<void>(stop()); }
  OwnRelay(const OwnRelay&) = delete;
  OwnRelay& operator=(const OwnRelay&) = delete;

  [[nodiscard]] bool start(BenchOptions& options, const std::vector<std::string>& settings) {
    std::vector<std::string> arguments{"xylem",           "serve", "--set",
                                       "http.listen=off", "--set", "log.level=warning"};
    for (const char* door : {"push", "publish", "stream"}) {
      arguments.insert(arguments.end(),
                       {"--set", fmt::format("{}.listen=tcp://127.0.0.1:0", door)});
    }
    if (options.overflow == Overflow::block) {
      arguments.insert(arguments.end(), {"--set", "publish.overflow=block"});
    }
    for (const std::string& setting : settings)
      arguments.insert(arguments.end(), {"--set", setting});
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);

    int out[2];
    if (::pipe(out) != 0) return false;
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    ::posix_spawn_file_actions_addclose(&actions, out[0]);
    const int failed =
        ::posix_spawn(&pid_, "/proc/self/exe", &actions, nullptr, argv.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(out[1]);
    const std::string ready = failed == 0 ? read_line(out[0]) : std::string();
    ::close(out[0]);
    options.push = address_in(ready, "push");
    options.receive = address_in(ready, options.sink == SinkKind::stream ? "stream" : "publish");
    return !options.push.empty() && !options.receive.empty();
  }
  // True if it ended well.
  [[nodiscard]] bool stop() {
    if (pid_ <= 0) return true;
    int status = 0;
    ::kill(pid_, SIGTERM);
    ::waitpid(std::exchange(pid_, 0), &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }
  [[nodiscard]] double cpu_s() const {
    std::ifstream stat(fmt::format("/proc/{}/stat", pid_));
    std::string text((std::istreambuf_iterator<char>(stat)), {});
    std::istringstream fields(text.substr(std::min(text.size(), text.rfind(')') + 1)));
    std::string skipped;
    for (int i = 0; i < 11; ++i) fields >> skipped;  // up to utime
    double user = 0;
    double system = 0;
    fields >> user >> system;
    return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
  }
  [[nodiscard]] std::uint64_t peak_bytes() const {
    std::ifstream status(fmt::format("/proc/{}/status", pid_));
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with("VmHWM:")) return std::strtoull(line.c_str() + 6, nullptr, 10) * 1024;
    }
    return 0;
  }

 private:
  static std::string read_line(int fd) {
    std::string line;
    for (char c = 0; ::read(fd, &c, 1) == 1 && c != '\n';) line += c;
    return line;
  }
  static std::string address_in(const std::string& ready, const std::string& name) {
    const std::string before = fmt::format("\"{}\":[\"", name);
    const std::size_t at = ready.find(before);
    if (at == std::string::npos) return {};
    const std::size_t begin = at + before.size();
    return ready.substr(begin, ready.find('"', begin) - begin);
  }
  pid_t pid_ = 0;
};

// A child process that computes a trivially copyable result and writes it to a pipe.
template <class Answer>
class Child {
 public:
  template <class Work>
  static Child start(Work work) {
    Child child;
    int answer[2];
    if (::pipe(answer) != 0) std::abort();
    child.pid_ = ::fork();
    if (child.pid_ == 0) {
      ::close(answer[0]);
      const Answer result = work();
      const char* bytes = reinterpret_cast<const char*>(&result);
      for (std::size_t done = 0; done < sizeof result;) {
        const auto written = ::write(answer[1], bytes + done, sizeof result - done);
        if (written <= 0) break;
        done += static_cast<std::size_t>(written);
      }
      ::_exit(0);
    }
    ::close(answer[1]);
    child.answer_fd_ = answer[0];
    return child;
  }
  // Waits for it. An answer that did not come whole is a default one.
  Answer finish() {
    Answer result{};
    char* bytes = reinterpret_cast<char*>(&result);
    std::size_t done = 0;
    for (ssize_t got; done < sizeof result &&
                      (got = ::read(answer_fd_, bytes + done, sizeof result - done)) > 0;) {
      done += static_cast<std::size_t>(got);
    }
    ::close(answer_fd_);
    ::waitpid(pid_, nullptr, 0);
    return done == sizeof result ? result : Answer{};
  }
  void kill() const { ::kill(pid_, SIGKILL); }

 private:
  pid_t pid_ = 0;
  int answer_fd_ = -1;
};

// Sends events that every subscriber wants until each has received one.
bool warm_up(const BenchOptions& options, int ready_fd) {
  Context context;
  const auto relay = Address::parse(options.push);
  if (!relay) return false;
  Socket push(context, SocketKind::push, {.immediate = true});
  if (!push.connect(*relay)) return false;
  const SystemClock clock;
  const Instant start = clock.now();
  for (std::size_t ready = 0; ready < options.patterns.size();) {
    if (std::chrono::duration<double>(clock.now() - start).count() > kReadyPatienceS) return false;
    Frame key{std::string_view("bench.warmup")};
    Frame body{std::string_view(R"({"type":"bench-warmup"})")};
    if (push.send(key, true) == SendOutcome::sent) static_cast<void>(push.send(body));
    pollfd wait{ready_fd, POLLIN, 0};
    char byte = 0;
    if (::poll(&wait, 1, 20) > 0 && ::read(ready_fd, &byte, 1) == 1) ++ready;
  }
  return true;
}

Result<BenchResult> run(BenchOptions options, const OwnRelay* relay) {
  int ready[2];
  int go[2];
  if (::pipe(ready) != 0 || ::pipe(go) != 0) return fail(ErrorCode::io, "no pipes left");
  std::vector<Child<SinkResult>> sinks;
  for (std::size_t i = 0; i < options.patterns.size(); ++i) {
    sinks.push_back(Child<SinkResult>::start([&] { return run_sink(options, i, ready[1]); }));
  }
  std::vector<Child<ProducerResult>> producers;
  for (std::size_t i = 0; i < options.producers; ++i) {
    producers.push_back(Child<ProducerResult>::start([&] {
      ::close(go[1]);
      return run_producer(options, i, go[0]);
    }));
  }
  // Children were made before this process had any thread or socket.
  if (!warm_up(options, ready[0])) {
    for (const auto& child : sinks) child.kill();
    for (const auto& child : producers) child.kill();
    for (auto& child : sinks) static_cast<void>(child.finish());
    for (auto& child : producers) static_cast<void>(child.finish());
    return fail(ErrorCode::timed_out,
                fmt::format("the subscribers received nothing through {} and {} within {} s",
                            options.push, options.receive, kReadyPatienceS));
  }
  BenchResult result;
  result.options = options;
  const double cpu_before = relay != nullptr ? relay->cpu_s() : 0;
  for (std::size_t i = 0; i < options.producers; ++i) {
    [[maybe_unused]] const auto written = ::write(go[1], "g", 1);
  }
  for (auto& child : producers) result.producers.push_back(child.finish());
  for (auto& child : sinks) result.sinks.push_back(child.finish());
  if (relay != nullptr) {
    result.relay_cpu_s = relay->cpu_s() - cpu_before;
    result.relay_peak_bytes = relay->peak_bytes();
  }
  for (const int fd : {ready[0], ready[1], go[0], go[1]}) ::close(fd);
  return result;
}

struct Arguments {
  BenchOptions options;
  std::vector<std::string> settings;
  std::string overflow = "block";
  bool json = false;
};

int bench(Arguments arguments) {
  BenchOptions& options = arguments.options;
  const auto overflow = parse_overflow(arguments.overflow);
  if (!overflow) return misused(overflow.error().message);
  options.overflow = *overflow;
  for (const std::string& pattern : options.patterns) {
    if (const auto parsed = TopicFilter::parse({pattern}); !parsed)
      return misused(parsed.error().message);
  }
  if (options.push.empty() != options.receive.empty()) {
    failed("--push and --receive go together");
    return kUsage;
  }
  std::unique_ptr<OwnRelay> relay;
  if (options.push.empty()) {
    relay = std::make_unique<OwnRelay>();
    if (!relay->start(options, arguments.settings))
      return failed("a relay of our own did not start");
  }
  if (is_terminal(STDERR_FILENO)) std::fputs("running ...\r", stderr);
  const auto result = run(options, relay.get());
  if (!result) return failed(result.error().message);
  const bool json = arguments.json || !is_terminal(STDOUT_FILENO);
  std::fputs((json ? bench_json(*result) : bench_text(*result)).c_str(), stdout);
  if (relay != nullptr && !relay->stop()) return failed("the relay did not end well");
  return result->lossless() ? kFine : kFailed;
}

}  // namespace

void add_bench(CLI::App& app, Run& run_command) {
  auto arguments = std::make_shared<Arguments>();
  BenchOptions& options = arguments->options;
  CLI::App* command =
      app.add_subcommand("bench", "Measure a relay: throughput, loss and order by number, latency");
  const std::map<std::string, Lane> lanes{
      {"single", Lane::single}, {"list", Lane::list}, {"batch", Lane::batch}};
  const std::map<std::string, SinkKind> sinks{{"stream", SinkKind::stream},
                                              {"publish", SinkKind::publish}};
  command
      ->add_option("--lane", options.lane,
                   "How events are pushed: single, list (as Celery does), batch (C++ library)")
      ->transform(CLI::CheckedTransformer(lanes));
  command
      ->add_option("--sink", options.sink,
                   "How they are received: stream (C++ library) or publish (plain SUB)")
      ->transform(CLI::CheckedTransformer(sinks));
  command->add_option("--events", options.events, "Events of all producers together")
      ->check(CLI::PositiveNumber);
  command->add_option("--producers", options.producers, "Producer processes")
      ->check(CLI::Range(1, 64));
  command
      ->add_option("--pattern", options.patterns,
                   "One subscriber process each; may be repeated (default: '#')")
      ->allow_extra_args(false);
  command->add_option("--size", options.event_bytes, "Bytes of one event's JSON")
      ->check(CLI::Range(kBenchBytesMin, std::size_t{60'000}));
  command->add_option("--list-events", options.list_events, "Events in a list")
      ->check(CLI::Range(1, 1000));
  command->add_option("--rate", options.rate,
                      "Events per second of all producers together (default: full speed)");
  command->add_option("--overflow", arguments->overflow,
                      "Policy of the subscribers' taps (default: block)");
  command->add_option("--push", options.push,
                      "Push endpoint of a running relay (default: one of our own)");
  command->add_option("--receive", options.receive, "Its stream or publish endpoint");
  command->add_option("--set", arguments->settings, "KEY=VALUE for a relay of our own")
      ->allow_extra_args(false);
  command->add_option("--patience", options.patience_s,
                      "Seconds without progress after which the rest is lost");
  command->add_flag("--json", arguments->json, "JSON also on a terminal");
  command->footer(
      "Example: xylem bench --lane list --pattern '#' --pattern 'task.failed' --events 5000000\n"
      "Exit code 1 if anything was lost, doubled or out of order.");
  command->callback(
      [arguments, &run_command] { run_command = [arguments] { return bench(*arguments); }; });
}

}  // namespace xylem::cli
