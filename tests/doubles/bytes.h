#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace xylem::testing {

using Bytes = std::vector<std::byte>;

inline Bytes bytes_of(std::span<const std::byte> frame) { return {frame.begin(), frame.end()}; }
inline Bytes bytes_of(std::string_view text) { return bytes_of(std::as_bytes(std::span(text))); }

// Little-endian scalars anywhere in a frame, as a hostile sender writes them.
template <class T>
T peek(const Bytes& bytes, std::size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}
template <class T>
void poke(Bytes& bytes, std::size_t at, T value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

// A copy whose end is the end of its allocation, so that AddressSanitizer sees any byte too far.
struct Exact {
  explicit Exact(std::span<const std::byte> frame)
      : bytes(new std::byte[frame.size()]), size(frame.size()) {
    if (size != 0) std::memcpy(bytes.get(), frame.data(), size);
  }
  [[nodiscard]] std::span<const std::byte> span() const { return {bytes.get(), size}; }
  std::unique_ptr<std::byte[]> bytes;
  std::size_t size;
};

}  // namespace xylem::testing
