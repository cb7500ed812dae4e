#include "relay/codec/shaped_body.h"

#include <bit>

namespace xylem {
namespace {
constexpr std::size_t kWord = sizeof(std::uint32_t);
}

char* write_shaped_body(const ShapedBody& body, char* place) noexcept {
  for (std::size_t i = 0; i < kWord; ++i) {
    *place++ = static_cast<char>(body.changed >> (8 * i) & 0xFF);
  }
  const int count = std::popcount(body.changed);
  for (int i = 0; i < count; ++i) {
    std::uint32_t left = body.lengths[i];
    for (; left >= 0x80; left >>= 7) *place++ = static_cast<char>(left | 0x80);
    *place++ = static_cast<char>(left);
  }
  for (int i = 0; i < count; ++i) {
    std::memcpy(place, body.values[i], body.lengths[i]);
    place += body.lengths[i];
  }
  return place;
}

bool read_shaped_body(std::string_view body, ReadBody& read) noexcept {
  if (body.size() < kWord) return false;
  read.changed = 0;
  for (std::size_t i = 0; i < kWord; ++i) {
    read.changed |= std::uint32_t{static_cast<unsigned char>(body[i])} << (8 * i);
  }
  const char* at = body.data() + kWord;
  const char* const end = body.data() + body.size();
  std::size_t total = 0;
  const int count = std::popcount(read.changed);
  for (int i = 0; i < count; ++i) {
    std::uint32_t length = 0;
    for (int shift = 0;; shift += 7) {
      if (at == end || shift > 14) return false;
      const auto byte = static_cast<unsigned char>(*at++);
      length |= std::uint32_t{byte & 0x7FU} << shift;
      if (byte < 0x80) break;
    }
    if (length > kShapedBytesMax) return false;
    read.lengths[static_cast<std::size_t>(i)] = static_cast<std::uint16_t>(length);
    total += length;
  }
  read.values = at;
  return total == static_cast<std::size_t>(end - at);
}

}  // namespace xylem
