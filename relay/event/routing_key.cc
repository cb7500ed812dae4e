#include "relay/event/routing_key.h"

#include <algorithm>

#include "relay/base/limits.h"

namespace xylem {

bool is_routing_key(std::string_view key) noexcept {
  if (key.empty() || key.size() > kRoutingKeyBytesMax) return false;
  if (std::count(key.begin(), key.end(), '.') >= static_cast<std::ptrdiff_t>(kKeyWordsMax)) {
    return false;
  }
  return std::none_of(key.begin(), key.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7F;
  });
}

void append_key_of_type(std::string_view type, std::string& out) {
  const std::size_t start = out.size();
  out.append(type);
  std::replace(out.begin() + static_cast<std::ptrdiff_t>(start), out.end(), '-', '.');
}

std::string key_of_type(std::string_view type) {
  std::string key;
  append_key_of_type(type, key);
  return key;
}

bool key_is_of_type(std::string_view key, std::string_view type) noexcept {
  return std::equal(key.begin(), key.end(), type.begin(), type.end(),
                    [](char k, char t) { return k == (t == '-' ? '.' : t); });
}

}  // namespace xylem
