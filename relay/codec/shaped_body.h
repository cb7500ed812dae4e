#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

#include "relay/codec/shape.h"

namespace xylem {

// One event in a shaped batch, as bytes (docs/protocol.md §4.2): which slots changed since the last
// event of the shape, a little-endian word of bits; the lengths of their values, LEB128; the
// values.
struct ShapedBody {
  std::uint32_t changed = 0;
  const char* const* values = nullptr;  // as many as `changed` has bits
  const std::uint16_t* lengths = nullptr;
};

// Bytes that the body of an event of `text_bytes` can take.
[[nodiscard]] constexpr std::size_t shaped_body_bytes_max(std::size_t text_bytes) noexcept {
  return sizeof(std::uint32_t) + 3 * kSlotsMax + text_bytes;
}
// Writes it and answers its end. REQUIRES shaped_body_bytes_max() writable bytes at `place` and,
// like behind each value, Slab::kSlack more.
[[nodiscard]] char* write_shaped_body(const ShapedBody& body, char* place) noexcept;

// What a body says. The values follow each other from `values` on.
struct ReadBody {
  std::uint32_t changed = 0;
  std::array<std::uint16_t, kSlotsMax> lengths;
  const char* values = nullptr;
};
// Trusts nothing: nothing if the body is not exactly what its own words say.
[[nodiscard]] bool read_shaped_body(std::string_view body, ReadBody& read) noexcept;

}  // namespace xylem
