#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "relay/base/clock.h"
#include "relay/base/result.h"

namespace xylem {

enum class LogLevel { debug, info, warning, error };

// Structured-enough lines on stderr: time, level, sentence. Cold path only. Any thread.
void log_line(LogLevel level, std::string_view text);
void set_log_level(LogLevel least);
[[nodiscard]] Result<LogLevel> parse_log_level(std::string_view name);

// Bytes from the network as they may appear in a log or on a terminal: control characters and
// invalid UTF-8 become \xNN, and what is longer than `bytes_max` ends in "...".
[[nodiscard]] std::string printable(std::string_view text, std::size_t bytes_max = 80);

// One line per distinct cause and interval, with the count of those it stood for, so that a storm
// of the same fault cannot flood the log. One owner thread.
class DistinctLog {
 public:
  explicit DistinctLog(const Clock& clock, Duration interval = std::chrono::seconds(5))
      : clock_(clock), interval_(interval) {}

  // `cause` is a short stable text ("push malformed_json"); at most kCausesMax are told apart.
  void warn(const std::string& cause, std::string_view sentence);

 private:
  static constexpr std::size_t kCausesMax = 256;
  struct Cause {
    Instant last_printed{};
    std::uint64_t suppressed = 0;
  };
  const Clock& clock_;
  Duration interval_;
  std::map<std::string, Cause> causes_;
};

}  // namespace xylem

// XYLEM_LOG(info, "ready after {} ms", ms)
#define XYLEM_LOG(level, ...) \
  ::xylem::log_line(::xylem::LogLevel::level, ::fmt::format(__VA_ARGS__))
