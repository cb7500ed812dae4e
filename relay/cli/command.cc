#include "relay/cli/command.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

extern char** environ;

namespace xylem::cli {
namespace {

volatile sig_atomic_t g_interrupted = 0;  // a signal handler can reach nothing else

}  // namespace

std::string failure_text(std::string_view sentence) { return fmt::format("xylem: {}\n", sentence); }

int failed(std::string_view sentence) {
  std::fputs(failure_text(sentence).c_str(), stderr);
  return kFailed;
}

int misused(std::string_view sentence) {
  failed(sentence);
  return kUsage;
}

Result<Address> endpoint(const std::string& given, const char* variable, const char* fallback) {
  if (!given.empty()) return Address::parse(given);
  const char* from_environment = std::getenv(variable);
  return Address::parse(from_environment != nullptr ? from_environment : fallback);
}

std::vector<std::string> environment() {
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable)
    variables.emplace_back(*variable);
  return variables;
}

bool is_terminal(int fd) { return ::isatty(fd) == 1; }

void watch_for_interrupt() {
  struct sigaction action {};
  action.sa_handler = [](int) { g_interrupted = 1; };
  for (const int signal : {SIGINT, SIGTERM}) ::sigaction(signal, &action, nullptr);
}

bool interrupted() { return g_interrupted != 0; }

}  // namespace xylem::cli
