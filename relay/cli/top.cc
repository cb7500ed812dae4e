#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <clocale>
#include <cstdlib>
#include <memory>
#include <string>

#include "relay/base/log.h"
#include "relay/cli/command.h"
#include "relay/cli/output.h"
#include "relay/filter/filter.h"
#include "relay/top/console.h"
#include "relay/top/watch.h"
#include "relay/transport/lookup.h"

namespace xylem::cli {
namespace {

constexpr std::size_t kColumns = 100;  // of what goes into a file
constexpr std::size_t kRows = 100;
constexpr std::uint64_t kRowsMax = 1000;  // the API gives no more

struct TopOptions {
  std::string connect = kHttpRelay;
  std::string view = "tasks";
  std::string filter;
  std::string sort;
  std::string output;
  std::uint64_t limit = 0;  // 0: not given
  double interval = 1;
  bool once = false;
  bool json = false;
};

// How wide lines may be that nobody scrolls.
std::size_t columns_there() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col != 0) return size.ws_col;
  const char* const columns = std::getenv("COLUMNS");
  const long number = columns == nullptr ? 0 : std::strtol(columns, nullptr, 10);
  return number >= 40 && number <= 1000 ? static_cast<std::size_t>(number) : kColumns;
}

Result<top::Console::Options> console_options(const TopOptions& options) {
  top::Console::Options console;
  console.relay = options.connect;
  console.view = top::view_named(options.view).value_or(top::View::tasks);
  console.filter = options.filter;
  if (options.limit != 0) console.limit = options.limit;
  console.letters = top::letters_of_locale();
  if (!options.filter.empty()) {
    if (console.view != top::View::tasks) {
      return fail(ErrorCode::usage, "--filter selects tasks; it goes with --view tasks alone");
    }
    if (auto filter = Filter::parse(options.filter); !filter) {
      return tl::unexpected(filter.error());
    }
  }
  if (options.sort.empty()) return console;
  const auto known = top::orders_of(console.view);
  if (std::find(known.begin(), known.end(), options.sort) == known.end()) {
    return fail(ErrorCode::usage,
                fmt::format("--view {} is not sorted by '{}', but by {}", options.view,
                            printable(options.sort), fmt::join(known, ", ")));
  }
  console.sort = options.sort;
  return console;
}

int write_once(const TopOptions& options, top::Console& console, const Address& relay) {
  console.resize({columns_there(), top::Console::kSizeMin.lines});
  const top::Wanted wanted = console.wanted();
  auto answer = top::ask(relay, wanted);
  if (!answer) return failed(answer.error().message);
  const SystemClock clock;
  std::string text;
  if (options.json) {
    text = top::json_of(wanted, *answer).dump(2, ' ', false, top::Json::error_handler_t::replace);
  } else {
    console.take(std::move(*answer), static_cast<double>(clock.wall_us()) / 1e6);
    text = text_of(console.whole_screen());
    text.pop_back();
  }
  auto output = options.output.empty() ? Result<Output>(Output::to_stdout())
                                       : Output::open(options.output, Output::Mode::replace);
  if (!output) return failed(output.error().message);
  output->line(text);
  const auto done = output->finish();
  return done ? kFine : failed(done.error().message);
}

// Why the whole screen cannot be had here; "" if it can.
std::string why_once() {
  if (!is_terminal(STDIN_FILENO)) return "standard input is no terminal, so no keys can come";
  const char* const term = std::getenv("TERM");
  if (term == nullptr || *term == '\0' || std::string_view(term) == "dumb") {
    return "this terminal cannot be drawn on (TERM)";
  }
  return "";
}

int run_top(TopOptions options) {
  std::setlocale(LC_CTYPE, "");
  const auto relay = http_relay(options.connect);
  if (!relay) return misused(relay.error().message);
  auto console = console_options(options);
  if (!console) return misused(console.error().message);
  bool once = options.once || options.json || !options.output.empty();
  if (!once && !is_terminal(STDOUT_FILENO)) once = true;  // nobody looks at it
  if (const std::string why = why_once(); !once && !why.empty()) {
    std::fprintf(stderr, "note: %s; as with --once\n", why.c_str());
    once = true;
  }
  const auto place = look_up_to_connect(*relay);
  if (!place) return failed(place.error().message);
  if (once) {
    if (!console->limit) console->limit = kRows;
    top::Console screen(*console);
    return write_once(options, screen, *place);
  }
  top::Console screen(*console);
  const SystemClock clock;
  auto terminal = top::Terminal::open();
  if (!terminal) return failed(terminal.error().message + "; --once needs none");
  const auto interval =
      std::chrono::duration_cast<Duration>(std::chrono::duration<double>(options.interval));
  top::watch({*place, interval}, screen, **terminal, clock);
  return kFine;
}

}  // namespace

void add_top(CLI::App& app, Run& run) {
  auto options = std::make_shared<TopOptions>();
  CLI::App* command = app.add_subcommand("top", "Tasks, workers and failures on the whole screen");
  std::vector<std::string> views;
  for (std::size_t i = 0; i < top::kViews; ++i) {
    views.emplace_back(name_of(static_cast<top::View>(i)));
  }
  command->add_option("--connect", options->connect,
                      fmt::format("The relay's HTTP endpoint (default: {})", kHttpRelay));
  command->add_option("--view", options->view, "What is shown first (default: tasks)")
      ->check(CLI::IsMember(views));
  command->add_option("--filter", options->filter, "Only these tasks (docs/filters.md)");
  command->add_option("--sort", options->sort,
                      "By a column; tasks by changed (the default) or elapsed");
  add_count(*command, "--limit", {options->limit, 1, kRowsMax},
            "Rows (default: as many as the screen has; 100 with --once)");
  command->add_option("--interval", options->interval, "Seconds between two looks (default: 1)")
      ->check(number_above(Zero::refused, 3600));
  command->add_flag("--once", options->once, "One look as text, for which no terminal is needed");
  command->add_flag("--json", options->json, "The same for programs, as the API has it");
  command->add_option("-o,--output", options->output, "Into this file, which is replaced")
      ->check(file_is_named);
  command->footer(
      "Keys: 1 to 6 views, j k Enter Esc, / filter, o sort, p pause, ? all of them, q quit.\n"
      "Example: xylem top --filter 'state:FAILURE name:mail.*'\n"
      "NO_COLOR in the environment does without colours.");
  command->callback([options, &run] { run = [options] { return run_top(*options); }; });
}

}  // namespace xylem::cli
