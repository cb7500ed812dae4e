#include "relay/codec/shaped_body.h"

#include "relay/codec/bytes16.h"

namespace xylem {
namespace {
constexpr std::size_t kWord = sizeof(std::uint32_t);
}

char* write_shaped_body(const ShapedBody& body, char* place) noexcept {
  for (std::size_t i = 0; i < kWord; ++i) {
    *place++ = static_cast<char>(body.changed >> (8 * i) & 0xFF);
  }
  const std::uint16_t* length = body.lengths;
  for (std::uint32_t left = body.changed; left != 0; left &= left - 1, ++length) {
    std::uint32_t rest = *length;
    for (; rest >= 0x80; rest >>= 7) *place++ = static_cast<char>(rest | 0x80);
    *place++ = static_cast<char>(rest);
  }
  const char* const* value = body.values;
  for (const std::uint16_t* next = body.lengths; next != length; ++next, ++value) {
    copy_with_slack(place, *value, *next);
    place += *next;
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
  std::uint16_t* place = read.lengths.data();
  for (std::uint32_t left = read.changed; left != 0; left &= left - 1) {
    std::uint32_t length = 0;
    for (int shift = 0;; shift += 7) {
      if (at == end || shift > 14) return false;
      const auto byte = static_cast<unsigned char>(*at++);
      length |= std::uint32_t{byte & 0x7FU} << shift;
      if (byte < 0x80) break;
    }
    if (length > kShapedBytesMax) return false;
    *place++ = static_cast<std::uint16_t>(length);
    total += length;
  }
  read.values = at;
  return total == static_cast<std::size_t>(end - at);
}

}  // namespace xylem
