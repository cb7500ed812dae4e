#include "relay/top/terminal.h"

#include <curses.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <string>

namespace xylem::top {
namespace {

constexpr int kEscapeMs = 25;  // what comes after an ESC so soon is one key

// What signal handlers reach.
volatile sig_atomic_t g_ended = 0;
volatile sig_atomic_t g_stopped = 0;
volatile sig_atomic_t g_continued = 0;
termios g_modes_before{};
std::array<char, 256> g_leave{};  // what makes the terminal an ordinary one
std::size_t g_leave_bytes = 0;

constexpr std::array kEnds{SIGINT, SIGTERM, SIGHUP};
constexpr std::array kAwaited{SIGINT, SIGTERM, SIGHUP, SIGTSTP, SIGCONT, SIGWINCH};
// Of a bug, or of somebody who wants a core file.
constexpr std::array kDeaths{SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGQUIT};
std::array<struct sigaction, kDeaths.size()> g_deaths_before{};

// Calls nothing that a signal handler may not.
void restore_and_die(int signal) {
  static_cast<void>(::write(STDOUT_FILENO, g_leave.data(), g_leave_bytes) == 0);
  ::tcsetattr(STDIN_FILENO, TCSANOW, &g_modes_before);
  for (std::size_t i = 0; i < kDeaths.size(); ++i) {
    if (kDeaths[i] == signal) ::sigaction(signal, &g_deaths_before[i], nullptr);
  }
  ::raise(signal);  // blocked until this has returned
}

void append_leave(const char* capability) {
  const char* const text = ::tigetstr(capability);
  if (text == nullptr || text == reinterpret_cast<const char*>(-1)) return;
  const std::size_t bytes = std::strlen(text);
  if (g_leave_bytes + bytes > g_leave.size()) return;
  std::memcpy(g_leave.data() + g_leave_bytes, text, bytes);
  g_leave_bytes += bytes;
}

void on(int signal, void (*act)(int)) {
  struct sigaction action {};
  action.sa_handler = act;
  ::sigaction(signal, &action, nullptr);
}

std::optional<Key::Kind> kind_of(wint_t code) {
  switch (code) {
    case KEY_UP: return Key::Kind::up;
    case KEY_DOWN: return Key::Kind::down;
    case KEY_LEFT: return Key::Kind::left;
    case KEY_RIGHT: return Key::Kind::right;
    case KEY_PPAGE: return Key::Kind::page_up;
    case KEY_NPAGE: return Key::Kind::page_down;
    case KEY_HOME: return Key::Kind::home;
    case KEY_END: return Key::Kind::end;
    case KEY_ENTER: return Key::Kind::enter;
    case KEY_BACKSPACE:
    case KEY_DC: return Key::Kind::backspace;
    case KEY_BTAB: return Key::Kind::back_tab;
    case KEY_F(1): return Key::Kind::help;
    case KEY_F(3):
    case KEY_F(4): return Key::Kind::filter;
    case KEY_F(6): return Key::Kind::sort;
    case KEY_F(10): return Key::Kind::quit;
    default: return std::nullopt;
  }
}

Key letter_key(wint_t letter) {
  switch (letter) {
    case '\r':
    case '\n': return {Key::Kind::enter};
    case '\t': return {Key::Kind::tab};
    case 0x1B: return {Key::Kind::escape};
    case 0x08:
    case 0x7F: return {Key::Kind::backspace};
    default: return {Key::Kind::letter, static_cast<char32_t>(letter)};
  }
}

class CursesTerminal final : public Terminal {
 public:
  explicit CursesTerminal(SCREEN* screen) : screen_(screen) {
    ::cbreak();
    ::noecho();
    ::nonl();
    ::keypad(stdscr, TRUE);
    ::nodelay(stdscr, TRUE);
    ::set_escdelay(kEscapeMs);
    choose_looks();
  }
  ~CursesTerminal() override {
    ::endwin();
    ::delscreen(screen_);
    for (std::size_t i = 0; i < kDeaths.size(); ++i) {
      ::sigaction(kDeaths[i], &g_deaths_before[i], nullptr);
    }
  }

  [[nodiscard]] Size size() const override {
    return {static_cast<std::size_t>(COLS), static_cast<std::size_t>(LINES)};
  }
  void draw(const Screen& screen) override;
  void forget_drawn() override { ::clearok(stdscr, TRUE); }
  [[nodiscard]] std::optional<Key> wait(std::chrono::milliseconds patience) override;
  [[nodiscard]] bool ended() const override { return g_ended != 0 || hung_up_; }

 private:
  void choose_looks();
  void draw_line(int at, const Line& line) const;
  void heed_signals();
  [[nodiscard]] std::optional<Key> read_key() const;
  [[nodiscard]] attr_t attributes(Look look) const {
    return attributes_[static_cast<std::size_t>(look)];
  }

  SCREEN* screen_;
  std::array<attr_t, kLooks> attributes_{};
  bool hung_up_ = false;
};

// Cyan, yellow and magenta: who cannot tell red from green, or blue from yellow, can tell them, and
// each has a word or a mark beside it. With NO_COLOR (no-color.org) none.
void CursesTerminal::choose_looks() {
  const auto set = [&](Look look, attr_t attributes) {
    attributes_[static_cast<std::size_t>(look)] = attributes;
  };
  set(Look::strong, A_BOLD);
  set(Look::faint, A_DIM);
  set(Look::busy, A_BOLD);
  set(Look::bad, A_BOLD);
  const char* const no_color = std::getenv("NO_COLOR");
  if ((no_color != nullptr && *no_color != '\0') || !::has_colors()) return;
  ::start_color();
  const short background = ::use_default_colors() == OK ? -1 : COLOR_BLACK;
  ::init_pair(1, COLOR_CYAN, background);
  ::init_pair(2, COLOR_YELLOW, background);
  ::init_pair(3, COLOR_MAGENTA, background);
  set(Look::good, static_cast<attr_t>(COLOR_PAIR(1)));
  set(Look::again, static_cast<attr_t>(COLOR_PAIR(2)));
  set(Look::bad, static_cast<attr_t>(COLOR_PAIR(3)) | A_BOLD);
}

void CursesTerminal::draw_line(int at, const Line& line) const {
  const attr_t bar = line.is_bar ? A_REVERSE : A_NORMAL;
  ::wmove(stdscr, at, 0);
  ::wattrset(stdscr, static_cast<int>(bar));
  ::wclrtoeol(stdscr);
  for (const Span& span : line.spans) {
    ::wattrset(stdscr, static_cast<int>(attributes(span.look) | bar));
    ::waddnstr(stdscr, span.text.data(), static_cast<int>(span.text.size()));
    if (getcury(stdscr) != at) return;  // the last column is full
  }
  if (!line.is_bar) return;
  ::wattrset(stdscr, static_cast<int>(bar));
  while (getcury(stdscr) == at && getcurx(stdscr) < COLS - 1) ::waddch(stdscr, ' ');
  if (getcury(stdscr) == at) ::winsch(stdscr, ' ' | bar);
}

void CursesTerminal::draw(const Screen& screen) {
  ::wattrset(stdscr, A_NORMAL);
  ::werase(stdscr);
  const auto lines = std::min(screen.lines.size(), static_cast<std::size_t>(LINES));
  for (std::size_t i = 0; i < lines; ++i) draw_line(static_cast<int>(i), screen.lines[i]);
  ::wattrset(stdscr, A_NORMAL);
  if (screen.cursor) {
    ::wmove(stdscr, static_cast<int>(screen.cursor->line), static_cast<int>(screen.cursor->column));
  }
  ::curs_set(screen.cursor ? 1 : 0);
  ::wrefresh(stdscr);
}

void CursesTerminal::heed_signals() {
  if (g_stopped != 0) {
    g_stopped = 0;
    ::endwin();
    struct sigaction ours {};
    struct sigaction usual {};
    usual.sa_handler = SIG_DFL;
    ::sigaction(SIGTSTP, &usual, &ours);
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTSTP);
    ::raise(SIGTSTP);
    ::sigprocmask(SIG_UNBLOCK, &stop, nullptr);  // here it stops, until somebody continues it
    ::sigprocmask(SIG_BLOCK, &stop, nullptr);
    ::sigaction(SIGTSTP, &ours, nullptr);
    g_continued = 1;
  }
  if (g_continued != 0) {
    g_continued = 0;
    ::endwin();  // who stopped us, or a shell, may have changed the terminal
    ::clearok(stdscr, TRUE);
    ::wrefresh(stdscr);
  }
  winsize now{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &now) == 0 && now.ws_row != 0 && now.ws_col != 0 &&
      (now.ws_row != LINES || now.ws_col != COLS)) {
    ::resizeterm(now.ws_row, now.ws_col);
    ::clearok(stdscr, TRUE);
  }
}

std::optional<Key> CursesTerminal::read_key() const {
  wint_t code = 0;
  const int kind = ::wget_wch(stdscr, &code);
  if (kind == ERR) return std::nullopt;
  if (kind != KEY_CODE_YES) return letter_key(code);
  const auto known = kind_of(code);
  return Key{known.value_or(Key::Kind::other)};
}

std::optional<Key> CursesTerminal::wait(std::chrono::milliseconds patience) {
  if (const auto key = read_key()) return key;
  sigset_t none;
  sigemptyset(&none);
  pollfd input{STDIN_FILENO, POLLIN, 0};
  const timespec limit{patience.count() / 1000, patience.count() % 1000 * 1'000'000};
  const int ready = ::ppoll(&input, 1, &limit, &none);
  heed_signals();
  if (ready != 1) return std::nullopt;
  const auto key = read_key();
  // It could be read, and there was nothing: its other end is gone.
  if (!key && (input.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0) hung_up_ = true;
  return key;
}

// Handlers come before ncurses, which leaves those alone that are there.
void watch_signals() {
  for (const int signal : kEnds) on(signal, [](int) { g_ended = 1; });
  on(SIGTSTP, [](int) { g_stopped = 1; });
  on(SIGCONT, [](int) { g_continued = 1; });
  on(SIGWINCH, [](int) {});
  on(SIGPIPE, SIG_IGN);
  sigset_t awaited;
  sigemptyset(&awaited);
  for (const int signal : kAwaited) sigaddset(&awaited, signal);
  ::sigprocmask(SIG_BLOCK, &awaited, nullptr);  // they come while wait() waits
}

void watch_deaths() {
  for (const char* capability : {"sgr0", "cnorm", "rmkx", "rmcup"}) append_leave(capability);
  for (std::size_t i = 0; i < kDeaths.size(); ++i) {
    struct sigaction action {};
    action.sa_handler = restore_and_die;
    ::sigaction(kDeaths[i], &action, &g_deaths_before[i]);
  }
}

}  // namespace

Result<std::unique_ptr<Terminal>> Terminal::open() {
  if (::tcgetattr(STDIN_FILENO, &g_modes_before) != 0) {
    return fail(ErrorCode::io, "standard input is no terminal");
  }
  watch_signals();
  SCREEN* const screen = ::newterm(nullptr, stdout, stdin);
  if (screen == nullptr) {
    const char* const name = std::getenv("TERM");
    return fail(ErrorCode::io, fmt::format("TERM={} is no terminal that can be drawn on",
                                           name == nullptr ? "" : name));
  }
  watch_deaths();
  return std::unique_ptr<Terminal>(new CursesTerminal(screen));
}

}  // namespace xylem::top
