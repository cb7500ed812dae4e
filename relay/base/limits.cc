#include "relay/base/limits.h"

#include <fmt/format.h>

#include <charconv>
#include <cstring>
#include <string_view>

namespace xylem {

bool parse_bytes(const char* text, std::uint64_t& bytes) {
  const char* end = text + std::strlen(text);
  std::uint64_t count = 0;
  const auto [rest, failure] = std::from_chars(text, end, count);
  if (failure != std::errc{}) return false;
  std::string_view unit(rest, static_cast<std::size_t>(end - rest));
  while (!unit.empty() && unit.front() == ' ') unit.remove_prefix(1);
  unsigned shift = 0;
  if (unit == "KiB") {
    shift = 10;
  } else if (unit == "MiB") {
    shift = 20;
  } else if (unit == "GiB") {
    shift = 30;
  } else if (!unit.empty() && unit != "B") {
    return false;
  }
  if (count > (UINT64_MAX >> shift)) return false;
  bytes = count << shift;
  return true;
}

Result<Duration> parse_duration(const std::string& text) {
  double amount = 0;
  const char* end = text.data() + text.size();
  const auto [last, failure] = std::from_chars(text.data(), end, amount);
  const std::string_view unit(last, static_cast<std::size_t>(end - last));
  const double seconds = unit == "ms"  ? 1e-3
                         : unit == "s" ? 1
                         : unit == "m" ? 60
                         : unit == "h" ? 3600
                                       : 0;
  if (failure != std::errc{} || seconds == 0 || !(amount >= 0 && amount * seconds < 1e6)) {
    return fail(
        ErrorCode::bad_configuration,
        fmt::format("'{}' is not a duration; write \"250ms\", \"5s\", \"2m\" or \"1h\"", text));
  }
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(amount * seconds));
}

}  // namespace xylem
