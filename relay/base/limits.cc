#include "relay/base/limits.h"

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

}  // namespace xylem
