#include "relay/base/log.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <ctime>

#include "relay/base/line_queue.h"
#include "relay/base/utf8.h"

namespace xylem {
namespace {

// The log is the process's, as its stderr is.
std::atomic<LogLevel> g_least{LogLevel::info};
std::atomic<LineQueue*> g_queue{nullptr};
std::atomic<std::uint64_t> g_lines{0};
std::atomic<std::uint64_t> g_suppressed{0};

struct Look {
  std::string_view name;
  std::string_view color;
};

Look look_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug: return {"debug", "\x1b[36m"};
    case LogLevel::info: return {"info", "\x1b[32m"};
    case LogLevel::warning: return {"warning", "\x1b[33m\x1b[1m"};
    case LogLevel::error: return {"error", "\x1b[31m\x1b[1m"};
  }
  return {"info", ""};
}

// ISO 8601, to the millisecond, in the machine's zone.
std::string time_text() {
  const std::int64_t now_ms = SystemClock().wall_us() / 1000;
  const auto seconds = static_cast<std::time_t>(now_ms / 1000);
  std::tm local{};
  ::localtime_r(&seconds, &local);
  std::array<char, 32> day{};
  std::array<char, 8> zone{};
  std::strftime(day.data(), day.size(), "%Y-%m-%dT%H:%M:%S", &local);
  std::strftime(zone.data(), zone.size(), "%z", &local);
  const std::string_view offset(zone.data());
  return fmt::format("{}.{:03}{}:{}", day.data(), now_ms % 1000, offset.substr(0, 3),
                     offset.substr(3));
}

void write_at_once(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;  // there is nowhere to say it
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

std::string log_text(LogLevel level, std::string_view text) {
  static const bool colored = ::isatty(STDERR_FILENO) == 1;
  const Look look = look_of(level);
  return fmt::format("{} {}{}{} {}\n", time_text(), colored ? look.color : "", look.name,
                     colored ? "\x1b[m" : "", text);
}

void log_line(LogLevel level, std::string_view text) {
  if (level < g_least.load(std::memory_order_relaxed)) return;
  g_lines.fetch_add(1, std::memory_order_relaxed);
  std::string line = log_text(level, text);
  LineQueue* queue = g_queue.load(std::memory_order_acquire);
  queue != nullptr ? queue->push(std::move(line)) : write_at_once(line);
}

void send_log_lines_to(LineQueue* queue) { g_queue.store(queue, std::memory_order_release); }

void set_log_level(LogLevel least) { g_least.store(least, std::memory_order_relaxed); }

LogFigures log_figures() {
  const LineQueue* queue = g_queue.load(std::memory_order_acquire);
  return {g_lines.load(std::memory_order_relaxed), g_suppressed.load(std::memory_order_relaxed),
          queue != nullptr ? queue->lost() : 0};
}

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

bool LineBudget::spend(Instant now) {
  const std::int64_t now_ns = now.since_boot.count();
  std::int64_t until = spent_until_ns_.load(std::memory_order_relaxed);
  for (;;) {
    // Further ahead than a budget can be spent is the time of another clock.
    const std::int64_t ahead = until - now_ns;
    const std::int64_t from = ahead < 0 || ahead > burst_.count() ? now_ns : until;
    if (from + each_.count() - now_ns > burst_.count()) return false;
    if (spent_until_ns_.compare_exchange_weak(until, from + each_.count(),
                                              std::memory_order_relaxed)) {
      return true;
    }
  }
}

LineBudget& process_line_budget() {
  static LineBudget budget(200, 20);
  return budget;
}

void DistinctLog::warn(std::string_view cause, std::string_view sentence) {
  line(LogLevel::warning, cause, sentence);
}

void DistinctLog::info(std::string_view cause, std::string_view sentence) {
  line(LogLevel::info, cause, sentence);
}

void DistinctLog::line(LogLevel level, std::string_view cause, std::string_view sentence) {
  if (level < g_least.load(std::memory_order_relaxed)) return;
  const Instant now = clock_.now();
  forget_the_old(cause, now);
  auto found = causes_.find(cause);
  if (found == causes_.end()) {
    if (causes_.size() >= kCausesMax) return suppress(others_);
    found = causes_.emplace(cause, Cause{now, false, 0}).first;
  }
  Cause& known = found->second;
  if ((known.written && now - known.seen < interval_) || !budget_.spend(now) ||
      !of_process_.spend(now)) {
    return suppress(known.suppressed);
  }
  std::string more;
  if (known.suppressed != 0) more = fmt::format(" ({} more like it)", known.suppressed);
  if (others_ != 0) {
    more += fmt::format(" ({} more of at least {} other causes)", others_, others_causes_);
  }
  log_line(level, fmt::format("{}{}", sentence, more));
  known = {now, true, 0};
  others_ = 0;
  others_causes_ = 0;
}

void DistinctLog::suppress(std::uint64_t& count) {
  ++count;
  g_suppressed.fetch_add(1, std::memory_order_relaxed);
}

// Once per interval, so that a storm does not pay for it with each of its lines.
void DistinctLog::forget_the_old(std::string_view but, Instant now) {
  if (now - forgot_at_ < interval_) return;
  forgot_at_ = now;
  std::erase_if(causes_, [&](const auto& entry) {
    const auto& [name, cause] = entry;
    if (name == but || now - cause.seen < interval_) return false;
    others_ += cause.suppressed;
    others_causes_ += cause.suppressed != 0;
    return true;
  });
}

std::uint64_t DistinctLog::untold() const {
  std::uint64_t total = others_;
  for (const auto& [name, cause] : causes_) total += cause.suppressed;
  return total;
}

}  // namespace xylem
