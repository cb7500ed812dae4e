#include "relay/cli/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "relay/cli/command.h"

namespace xylem::cli {

Progress::Progress() : shown_(is_terminal(STDERR_FILENO)) {}

void Progress::show(Instant now, const std::function<std::string()>& text) {
  if (!shown_ || (anything_ && now - last_ < std::chrono::milliseconds(250))) return;
  last_ = now;
  anything_ = true;
  std::fprintf(stderr, "\r\x1b[K%s", text().c_str());
  std::fflush(stderr);
}

void Progress::clear() {
  if (anything_) std::fputs("\r\x1b[K", stderr);
  anything_ = false;
}

std::string counted(std::uint64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string bytes_text(std::uint64_t bytes) {
  if (bytes < 1000) return fmt::format("{} B", bytes);
  double amount = static_cast<double>(bytes);
  const char* unit = "kMGTPE";
  for (amount /= 1000; amount >= 999.95; amount /= 1000) ++unit;
  return fmt::format("{:.1f} {}B", amount, *unit);
}

}  // namespace xylem::cli
