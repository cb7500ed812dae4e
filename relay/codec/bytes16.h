#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace xylem {

// Sixteen bytes of text looked at at once. Masks have bit i for byte i.
class Bytes16 {
 public:
  static constexpr std::size_t kSize = 16;

#ifdef __SSE2__
  // REQUIRES 16 readable bytes.
  static Bytes16 load(const char* at) noexcept {
    return Bytes16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at)));
  }
  [[nodiscard]] std::uint32_t differing(Bytes16 other) const noexcept {
    return 0xFFFFU ^ mask(_mm_cmpeq_epi8(bytes_, other.bytes_));
  }
  // Quotes, backslashes, control characters and what is not ASCII: what a JSON string cannot hold
  // as it is, or not without another look.
  [[nodiscard]] std::uint32_t special() const noexcept {
    const __m128i quote = _mm_cmpeq_epi8(bytes_, _mm_set1_epi8('"'));
    const __m128i backslash = _mm_cmpeq_epi8(bytes_, _mm_set1_epi8('\\'));
    const __m128i below = _mm_cmplt_epi8(bytes_, _mm_set1_epi8(0x20));  // signed: 0x80 up as well
    return mask(_mm_or_si128(_mm_or_si128(quote, backslash), below));
  }

 private:
  explicit Bytes16(__m128i bytes) noexcept : bytes_(bytes) {}
  static std::uint32_t mask(__m128i bytes) noexcept {
    return static_cast<std::uint32_t>(_mm_movemask_epi8(bytes));
  }
  __m128i bytes_;
#else
  static Bytes16 load(const char* at) noexcept {
    Bytes16 loaded;
    std::memcpy(loaded.bytes_, at, kSize);
    return loaded;
  }
  [[nodiscard]] std::uint32_t differing(const Bytes16& other) const noexcept {
    return mask([&](std::size_t i) { return bytes_[i] != other.bytes_[i]; });
  }
  [[nodiscard]] std::uint32_t special() const noexcept {
    return mask([&](std::size_t i) {
      return bytes_[i] == '"' || bytes_[i] == '\\' || bytes_[i] < 0x20 || bytes_[i] >= 0x80;
    });
  }

 private:
  template <class Test>
  static std::uint32_t mask(Test test) noexcept {
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < kSize; ++i) bits |= std::uint32_t{test(i)} << i;
    return bits;
  }
  unsigned char bytes_[kSize];
#endif
};

// How many of the first `size` bytes at `a` and `b` are the same. REQUIRES 16 readable bytes behind
// both.
[[nodiscard]] inline std::size_t same_bytes(const char* a, const char* b,
                                            std::size_t size) noexcept {
  for (std::size_t at = 0; at < size; at += Bytes16::kSize) {
    if (const auto bits = Bytes16::load(a + at).differing(Bytes16::load(b + at)); bits != 0) {
      const std::size_t same = at + static_cast<std::size_t>(std::countr_zero(bits));
      return same < size ? same : size;
    }
  }
  return size;
}

// memcpy for what is mostly short. REQUIRES 16 readable bytes behind `from` + `size` and as many
// writable behind `to` + `size`.
inline void copy_with_slack(char* to, const char* from, std::size_t size) noexcept {
  if (size > 4 * Bytes16::kSize) {
    std::memcpy(to, from, size);
    return;
  }
  for (std::size_t at = 0; at < size; at += Bytes16::kSize) {
    std::memcpy(to + at, from + at, Bytes16::kSize);
  }
}

}  // namespace xylem
