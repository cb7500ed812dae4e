#include "relay/cli/bench.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <map>
#include <memory>
#include <utility>

#include "relay/cli/bench_command.h"
#include "relay/cli/bench_process.h"
#include "relay/cli/bench_run.h"
#include "relay/cli/command.h"

namespace xylem::cli {
namespace {

// A relay of our own on sockets of our own, ended by its process id.
class OwnRelay {
 public:
  OwnRelay() = default;
  ~OwnRelay() { static_cast<void>(stop()); }
  OwnRelay(const OwnRelay&) = delete;
  OwnRelay& operator=(const OwnRelay&) = delete;

  [[nodiscard]] bool start(BenchOptions& options, const std::vector<std::string>& settings) {
    std::vector<std::string> arguments{"xylem", "serve",
                                       "--set", "http.listen=off",
                                       "--set", "log.level=warning",
                                       "--set", "state.enabled=false"};
    for (const char* door : {"push", "acked", "publish", "stream"}) {
      arguments.insert(arguments.end(),
                       {"--set", fmt::format("{}.listen=tcp://127.0.0.1:0", door)});
    }
    if (options.overflow == Overflow::block) {
      arguments.insert(arguments.end(),
                       {"--set", "publish.overflow=block", "--set", "pipeline.block_budget=0s"});
    }
    for (const std::string& setting : settings)
      arguments.insert(arguments.end(), {"--set", setting});
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);

    int out[2];
    if (::pipe(out) != 0) return false;
    const pid_t parent = ::getpid();
    pid_ = ::fork();
    if (pid_ == 0) {
      end_with(parent, SIGTERM);
      ::dup2(out[1], STDOUT_FILENO);
      ::close(out[0]);
      ::execv("/proc/self/exe", argv.data());
      ::_exit(127);
    }
    ::close(out[1]);
    const std::string ready = read_line(out[0]);
    ::close(out[0]);
    const std::string push = address_in(ready, "push");
    if (!push.empty()) options.push = {push};
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
  [[nodiscard]] pid_t pid() const { return pid_; }

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

struct Arguments {
  BenchArguments bench;
  std::vector<std::string> settings;
};

int bench(Arguments arguments) {
  BenchOptions& options = arguments.bench.options;
  if (const std::string wrong = check_bench_options(arguments.bench); !wrong.empty())
    return misused(wrong);
  if (!options.push.empty() && !arguments.settings.empty())
    return misused("--set is for a relay of our own, and --push names one that runs already");
  OwnRelay relay;
  if (options.push.empty() && !relay.start(options, arguments.settings))
    return failed("a relay of our own did not start");
  if (is_terminal(STDERR_FILENO)) std::fputs("running ...\r", stderr);
  const auto carrier = xylem_carrier(options);
  const auto result = run_bench(options, *carrier, relay.pid());
  if (!result) return failed(result.error().message);
  const int code = print_bench(*result, arguments.bench.json);
  return relay.stop() ? code : failed("the relay did not end well");
}

}  // namespace

void add_bench(CLI::App& app, Run& run_command) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command =
      app.add_subcommand("bench", "Measure a relay: throughput, loss and order by number, latency");
  add_bench_options(*command, arguments->bench);
  const std::map<std::string, SinkKind> sinks{{"stream", SinkKind::stream},
                                              {"publish", SinkKind::publish}};
  command
      ->add_option("--sink", arguments->bench.options.sink,
                   "How they are received: stream (C++ library) or publish (plain SUB)")
      ->transform(CLI::CheckedTransformer(sinks));
  command->add_option("--overflow", arguments->bench.overflow,
                      "Policy of the subscribers' taps (default: block)");
  command->add_option("--set", arguments->settings, "KEY=VALUE for a relay of our own")
      ->allow_extra_args(false);
  command->footer(
      "Example: xylem bench --lane list --pattern '#' --pattern 'task.failed' --events 5000000\n"
      "Exit code 1 if anything was lost, doubled or out of order.");
  command->callback(
      [arguments, &run_command] { run_command = [arguments] { return bench(*arguments); }; });
}

}  // namespace xylem::cli
