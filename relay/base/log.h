#pragma once

#include <fmt/format.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "relay/base/clock.h"
#include "relay/base/result.h"

namespace xylem {

class LineQueue;

enum class LogLevel { debug, info, warning, error };

// Structured-enough lines on stderr: time, level, sentence. Cold path only. Any thread. Writes at
// once, and so waits for whoever reads stderr, unless the lines go through a queue.
void log_line(LogLevel level, std::string_view text);
// The same as text, with its newline, for whoever writes it elsewhere.
[[nodiscard]] std::string log_text(LogLevel level, std::string_view text);
// From here on lines go into `queue`, which must outlive every thread that logs; or, with none, to
// stderr again. A relay's event threads may not wait, so `serve` has one.
void send_log_lines_to(LineQueue* queue);
void set_log_level(LogLevel least);
[[nodiscard]] Result<LogLevel> parse_log_level(std::string_view name);

struct LogFigures {
  std::uint64_t lines = 0;       // written, or on their way
  std::uint64_t suppressed = 0;  // by a DistinctLog
  std::uint64_t lost = 0;        // because stderr did not take them
};
[[nodiscard]] LogFigures log_figures();

// Bytes from the network as they may appear in a log or on a terminal: control characters and
// invalid UTF-8 become \xNN, and what is longer than `bytes_max` ends in "...".
[[nodiscard]] std::string printable(std::string_view text, std::size_t bytes_max = 80);

// How many lines may be written: `burst` at once, and `per_second` in the long run. Any thread.
class LineBudget {
 public:
  LineBudget(int burst, int per_second)
      : each_(Duration(std::chrono::seconds(1)) / per_second), burst_(each_ * burst) {}
  // Spends one line if there is one.
  [[nodiscard]] bool spend(Instant now);

 private:
  Duration each_;
  Duration burst_;
  std::atomic<std::int64_t> spent_until_ns_{0};
};

// What all DistinctLogs of the process may write together.
[[nodiscard]] LineBudget& process_line_budget();

// For lines whose number a stranger chooses. One line per distinct cause and interval, with the
// count of those it stood for; over all causes as many as the budgets give. The rest is counted,
// and told by the next line. One owner thread.
class DistinctLog {
 public:
  static constexpr std::size_t kCausesMax = 256;
  static constexpr int kBurst = 20;
  static constexpr int kPerSecond = 2;

  explicit DistinctLog(const Clock& clock, Duration interval = std::chrono::seconds(5),
                       LineBudget& of_process = process_line_budget())
      : clock_(clock), interval_(interval), of_process_(of_process) {}

  // `cause` is a short stable text ("push malformed_json"). It has nothing in it that a stranger
  // chooses, or strangers take all the room for causes.
  void warn(std::string_view cause, std::string_view sentence);
  void info(std::string_view cause, std::string_view sentence);

  // Lines that were neither written nor told of yet.
  [[nodiscard]] std::uint64_t untold() const;

 private:
  struct Cause {
    Instant seen{};  // first, or when its last line was written
    bool written = false;
    std::uint64_t suppressed = 0;
  };
  void line(LogLevel level, std::string_view cause, std::string_view sentence);
  void suppress(std::uint64_t& count);
  void forget_the_old(std::string_view but, Instant now);

  const Clock& clock_;
  Duration interval_;
  LineBudget& of_process_;
  LineBudget budget_{kBurst, kPerSecond};
  std::map<std::string, Cause, std::less<>> causes_;
  Instant forgot_at_{};
  std::uint64_t others_ = 0;  // lines of causes that were forgotten, or for which was no room
  std::uint64_t others_causes_ = 0;  // of those that were forgotten
};

}  // namespace xylem

// XYLEM_LOG(info, "ready after {} ms", ms)
#define XYLEM_LOG(level, ...) \
  ::xylem::log_line(::xylem::LogLevel::level, ::fmt::format(__VA_ARGS__))
