#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "relay/base/result.h"
#include "relay/transport/address.h"

namespace xylem::cli {

// What the program answers to the shell.
enum ExitCode : int {
  kFine = 0,
  kFailed = 1,
  kUsage = 2,
  kLeftBehind = 3,  // stopped with work left behind
  kBadConfiguration = 78,
};

// Each sub-command adds itself to `app` and sets `run` when it was chosen; it returns an ExitCode.
using Run = std::function<int()>;
void add_serve(CLI::App& app, Run& run);
void add_emit(CLI::App& app, Run& run);
void add_dump(CLI::App& app, Run& run);
void add_record(CLI::App& app, Run& run);
void add_replay(CLI::App& app, Run& run);
void add_route(CLI::App& app, Run& run);
void add_check(CLI::App& app, Run& run);
void add_control(CLI::App& app, Run& run);
void add_spool(CLI::App& app, Run& run);
void add_probe(CLI::App& app, Run& run);
void add_bench(CLI::App& app, Run& run);
void add_top(CLI::App& app, Run& run);

// What a command that cannot go on says: "xylem: ..." and a newline.
[[nodiscard]] std::string failure_text(std::string_view sentence);
// That on stderr, and kFailed; or kUsage, for what was wrong on the command line.
int failed(std::string_view sentence);
int misused(std::string_view sentence);

// `given`, else the environment variable, else the default. Errors: bad_address, also for what
// nobody can connect to.
[[nodiscard]] Result<Address> endpoint(const std::string& given, const char* variable,
                                       const char* fallback);

// The relay's HTTP endpoint, for what asks its API. Errors: bad_address.
inline constexpr const char* kHttpRelay = "http://127.0.0.1:7680";
[[nodiscard]] Result<Address> http_relay(const std::string& given);

// For an option that names a file: -c '' is a variable that was not set, not "no file".
[[nodiscard]] std::string file_is_named(const std::string& given);
// The process's variables, as ConfigSources takes them.
[[nodiscard]] std::vector<std::string> environment();

// True if people look at it, rather than a pipe or a file.
[[nodiscard]] bool is_terminal(int fd);
// A terminal, and no NO_COLOR in the environment (no-color.org).
[[nodiscard]] bool wants_colours(int fd);

// Makes SIGINT and SIGTERM set a flag and end blocking calls, for commands that run until Ctrl-C.
void watch_for_interrupt();
[[nodiscard]] bool interrupted();
// Makes SIGHUP set a flag that hung_up() takes down again.
void watch_for_hangup();
[[nodiscard]] bool hung_up();

// Where `--connect` leads did not answer, in words that name the cause: nobody listens there, this
// user may not, or somebody else does.
inline constexpr std::string_view kPush = "push";
inline constexpr std::string_view kStream = "stream";
[[nodiscard]] std::string why_no_relay(const Address& address, std::string_view endpoint);

// An option whose value is a whole number in decimal digits, so that 010 is ten, as it is for
// people. CLI11 alone would take it for eight.
inline constexpr std::uint64_t kCountMax = 1'000'000'000'000'000'000;
struct Count {
  std::uint64_t& number;
  std::uint64_t least = 1;
  std::uint64_t most = kCountMax;
};
CLI::Option* add_count(CLI::App& command, const std::string& name, Count count,
                       const std::string& sentence);

// A check for CLI11's numbers: above 0, or from 0 on, up to `most`. A billion seconds are 31 years.
enum class Zero : bool { refused, taken };
[[nodiscard]] std::function<std::string(const std::string&)> number_above(Zero zero,
                                                                          double most = 1e9);

}  // namespace xylem::cli
