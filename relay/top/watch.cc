#include "relay/top/watch.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace xylem::top {
namespace {

// So much of the time may pass with asking.
constexpr int kIntervalsOfAnswer = 20;

double seconds_of(const Clock& clock) { return static_cast<double>(clock.wall_us()) / 1e6; }

// What is on the screen, as text, into a file of its own. Says where, or why not.
std::string write_snapshot(const Screen& screen, const Clock& clock) {
  const std::time_t now = clock.wall_us() / 1'000'000;
  std::tm local{};
  ::localtime_r(&now, &local);
  const std::string path = fmt::format("xylem-top-{:%Y%m%d-%H%M%S}.txt", local);
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (file < 0) return fmt::format("cannot write {}: {}", path, std::strerror(errno));
  const std::string text = text_of(screen);
  const bool is_whole = ::write(file, text.data(), text.size()) == std::ssize(text);
  const int error = errno;
  ::close(file);
  return is_whole ? "written to " + path
                  : fmt::format("cannot write {}: {}", path, std::strerror(error));
}

class Watch {
 public:
  Watch(Console& console, Terminal& terminal, const Clock& clock)
      : console_(console), terminal_(terminal), clock_(clock) {}

  // Shows what is new, and waits so long for keys. False at the end.
  bool look(Duration patience) {
    if (terminal_.size() != size_) is_new_ = true;
    if (std::exchange(is_new_, false)) {
      size_ = terminal_.size();
      console_.resize(size_);
      terminal_.draw(console_.screen());
    }
    const auto rest = std::chrono::duration_cast<std::chrono::milliseconds>(patience);
    auto key = terminal_.wait(std::max(std::chrono::milliseconds(0), rest));
    while (key && !over()) {
      console_.press(*key);
      is_new_ = true;
      if (console_.take_redraw_wish()) terminal_.forget_drawn();
      if (console_.take_snapshot_wish()) {
        console_.say(write_snapshot(console_.screen(), clock_));
      }
      key = terminal_.wait(std::chrono::milliseconds(0));
    }
    return !over();
  }
  void show_news() { is_new_ = true; }
  [[nodiscard]] bool over() const { return terminal_.ended() || console_.done(); }

 private:
  Console& console_;
  Terminal& terminal_;
  const Clock& clock_;
  Size size_{0, 0};
  bool is_new_ = true;
};

}  // namespace

Result<Answer> ask(const Address& relay, const Wanted& wanted, const KeepWaiting& keep_waiting) {
  Answer answer;
  for (const std::string& path : paths_of(wanted)) {
    XYLEM_TRY(const std::string body, http_get(relay, path, keep_waiting));
    answer.pages.push_back(Json::parse(body, nullptr, false));
    if (!answer.pages.back().is_object()) {
      return fail(ErrorCode::malformed,
                  fmt::format("what answers at {} is no relay", relay.text()));
    }
  }
  return answer;
}

void watch(const WatchOptions& options, Console& console, Terminal& terminal, const Clock& clock) {
  Watch at(console, terminal, clock);
  std::optional<Wanted> asked;
  Instant due = clock.now();
  while (!at.over()) {
    const Wanted wanted = console.wanted();
    if (asked == wanted && clock.now() < due) {
      at.look(due - clock.now());
      continue;
    }
    asked = wanted;
    const Instant began = clock.now();
    const auto still_wanted = [&] { return at.look(Duration(0)) && console.wanted() == wanted; };
    auto answer = ask(options.relay, wanted, still_wanted);
    if (console.wanted() != wanted) continue;  // nobody looks at that any more
    answer ? console.take(std::move(*answer), seconds_of(clock))
           : console.take_failure(answer.error().message, seconds_of(clock));
    at.show_news();
    const Duration took = clock.now() - began;
    due = began + std::max(options.interval, took * kIntervalsOfAnswer);
  }
}

}  // namespace xylem::top
