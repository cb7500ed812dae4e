#include "relay/base/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include "relay/base/utf8.h"

namespace xylem {
namespace {

spdlog::level::level_enum spdlog_level(LogLevel level) {
  switch (level) {
    case LogLevel::debug: return spdlog::level::debug;
    case LogLevel::info: return spdlog::level::info;
    case LogLevel::warning: return spdlog::level::warn;
    case LogLevel::error: return spdlog::level::err;
  }
  return spdlog::level::info;
}

spdlog::logger& logger() {
  static const std::shared_ptr<spdlog::logger> instance = [] {
    auto made = spdlog::stderr_color_mt("xylem");
    made->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %^%l%$ %v");
    made->set_level(spdlog::level::info);
    return made;
  }();
  return *instance;
}

}  // namespace

void log_line(LogLevel level, std::string_view text) { logger().log(spdlog_level(level), text); }

void set_log_level(LogLevel least) { logger().set_level(spdlog_level(least)); }

Result<LogLevel> parse_log_level(std::string_view name) {
  if (name == "debug") return LogLevel::debug;
  if (name == "info") return LogLevel::info;
  if (name == "warning") return LogLevel::warning;
  if (name == "error") return LogLevel::error;
  return fail(ErrorCode::bad_configuration,
              fmt::format("'{}' is not a log level; debug, info, warning, error are", name));
}

std::string printable(std::string_view text, std::size_t bytes_max) {
  std::string out;
  const bool cut = text.size() > bytes_max;
  if (cut) text = text.substr(0, bytes_max);
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const unsigned char lead = static_cast<unsigned char>(text.front());
    // U+0080 to U+009F are control characters too, and some terminals obey them.
    const bool c1 = length == 2 && lead == 0xC2 && static_cast<unsigned char>(text[1]) < 0xA0;
    if (length == 0 || lead < 0x20 || lead == 0x7F || c1) {
      out += fmt::format("\\x{:02x}", lead);
      text.remove_prefix(1);
    } else {
      out += text.substr(0, length);
      text.remove_prefix(length);
    }
  }
  if (cut) out += "...";
  return out;
}

void DistinctLog::warn(const std::string& cause, std::string_view sentence) {
  auto found = causes_.find(cause);
  if (found == causes_.end()) {
    if (causes_.size() >= kCausesMax) causes_.clear();
    causes_.emplace(cause, Cause{clock_.now(), 0});
    log_line(LogLevel::warning, sentence);
    return;
  }
  Cause& known = found->second;
  if (clock_.now() - known.last_printed < interval_) {
    ++known.suppressed;
    return;
  }
  known.last_printed = clock_.now();
  if (known.suppressed == 0) {
    log_line(LogLevel::warning, sentence);
  } else {
    log_line(LogLevel::warning, fmt::format("{} ({} more like it)", sentence, known.suppressed));
  }
  known.suppressed = 0;
}

}  // namespace xylem
