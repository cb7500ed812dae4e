#include "relay/cli/command.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>

#include "relay/base/log.h"
#include "relay/transport/lookup.h"

extern char** environ;

namespace xylem::cli {
namespace {

volatile sig_atomic_t g_interrupted = 0;  // a signal handler can reach nothing else
volatile sig_atomic_t g_hung_up = 0;

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
  const char* from_environment = std::getenv(variable);
  const bool by_variable =
      given.empty() && from_environment != nullptr && *from_environment != '\0';
  const std::string text = by_variable ? from_environment : given.empty() ? fallback : given;
  const auto refuse = [&](const std::string& why) {
    return fail(ErrorCode::bad_address, by_variable ? fmt::format("{}: {}", variable, why) : why);
  };
  if (text.find("://") == std::string::npos) {
    return refuse(fmt::format("address '{}' has no scheme; write tcp://HOST:PORT or ipc://PATH",
                              printable(text)));
  }
  const auto address = Address::parse(text);
  if (!address) return refuse(address.error().message);
  if (auto fine = address->can_be_connected_to(); !fine) return refuse(fine.error().message);
  return *address;
}

Result<Address> http_relay(const std::string& given) {
  XYLEM_TRY(Address relay, Address::parse(given));
  if (relay.scheme() != Address::Scheme::http) {
    return fail(ErrorCode::bad_address,
                fmt::format("address '{}' is not an http:// address", printable(given)));
  }
  return relay;
}

std::string file_is_named(const std::string& given) {
  return given.empty() ? "needs the name of a file, not ''" : "";
}

std::vector<std::string> environment() {
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable)
    variables.emplace_back(*variable);
  return variables;
}

bool is_terminal(int fd) { return ::isatty(fd) == 1; }

bool wants_colours(int fd) {
  const char* const no_color = std::getenv("NO_COLOR");
  return is_terminal(fd) && (no_color == nullptr || *no_color == '\0');
}

void watch_for_interrupt() {
  struct sigaction action {};
  action.sa_handler = [](int) { g_interrupted = 1; };
  for (const int signal : {SIGINT, SIGTERM}) ::sigaction(signal, &action, nullptr);
}

bool interrupted() { return g_interrupted != 0; }

void watch_for_hangup() {
  struct sigaction action {};
  action.sa_handler = [](int) { g_hung_up = 1; };
  ::sigaction(SIGHUP, &action, nullptr);
}

bool hung_up() {
  const bool hung = g_hung_up != 0;
  if (hung) g_hung_up = 0;
  return hung;
}

std::string why_no_relay(const Address& address, std::string_view endpoint) {
  // connect(2) says "refused" of everything that is no socket.
  struct stat place {};
  if (address.scheme() == Address::Scheme::ipc && ::stat(address.host().c_str(), &place) == 0 &&
      !S_ISSOCK(place.st_mode)) {
    return S_ISDIR(place.st_mode) ? "that is a folder; the address wants a socket in it"
                                  : "that is no socket";
  }
  if (const auto there = knock(address); !there) return there.error().message;
  return endpoint == kPush
             ? "somebody listens there and takes nothing: a relay that is held up, or no "
               "push endpoint"
             : "somebody listens there, but does not answer as a relay's stream endpoint";
}

CLI::Option* add_count(CLI::App& command, const std::string& name, Count count,
                       const std::string& sentence) {
  const auto take = [name, count](const std::string& text) {
    const char* end = text.data() + text.size();
    const auto [last, failure] = std::from_chars(text.data(), end, count.number);
    if (failure == std::errc{} && last == end && count.number >= count.least &&
        count.number <= count.most) {
      return;
    }
    throw CLI::ValidationError(
        name, fmt::format("'{}' is not a whole number from {} to {}, in digits", printable(text),
                          count.least, count.most));
  };
  return command.add_option_function<std::string>(name, take, sentence)->type_name("UINT");
}

std::function<std::string(const std::string&)> number_above(Zero zero, double most) {
  return [zero, most](const std::string& text) -> std::string {
    double number = 0;
    const auto [last, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
    const bool parsed = failure == std::errc{} && last == text.data() + text.size();
    const bool enough = zero == Zero::taken ? number >= 0 : number > 0;
    if (parsed && enough && number <= most) return {};
    return fmt::format("'{}' is not a number {}, at most {}", text,
                       zero == Zero::taken ? "from 0 on" : "above 0", most);
  };
}

}  // namespace xylem::cli
