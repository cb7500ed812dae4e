#pragma once

#include <cctype>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace xylem::testing {

// Octets as a page writes them: two hex digits each, or a "text"; blanks part them.
//
//   wire("04 1A 05 \"READY\" 0B \"Socket-Type\" 00 00 00 04 \"PUSH\"")
inline std::string wire(std::string_view page) {
  std::string octets;
  for (std::size_t i = 0; i < page.size();) {
    if (page[i] == '"') {
      const std::size_t end = page.find('"', i + 1);
      octets += page.substr(i + 1, end - i - 1);
      i = end + 1;
    } else if (std::isxdigit(static_cast<unsigned char>(page[i])) != 0) {
      octets += static_cast<char>(std::stoi(std::string(page.substr(i, 2)), nullptr, 16));
      i += 2;
    } else {
      ++i;
    }
  }
  return octets;
}

inline std::span<const std::byte> octets_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}
inline std::string text_of(std::span<const std::byte> octets) {
  return {reinterpret_cast<const char*>(octets.data()), octets.size()};
}

}  // namespace xylem::testing
