#include "relay/codec/json_token.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <optional>

#include "relay/base/utf8.h"
#include "relay/codec/bytes16.h"

namespace xylem {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f'); }

// Behind the escape whose backslash is at `at`, or nullptr.
const char* behind_escape(const char* at, const char* end) {
  if (end - at < 2) return nullptr;
  if (at[1] != 'u') {
    return std::memchr("\"\\/bfnrt", at[1], 8) != nullptr ? at + 2 : nullptr;
  }
  if (end - at < 6) return nullptr;
  for (int i = 2; i < 6; ++i) {
    if (!is_hex(at[i])) return nullptr;
  }
  return at + 6;
}

// The first byte in [at, end) that needs a look, or `end`.
const char* next_special(const char* at, const char* end) {
  for (; at < end; at += Bytes16::kSize) {
    if (const auto bits = Bytes16::load(at).special(); bits != 0) {
      const char* found = at + std::countr_zero(bits);
      return found < end ? found : end;
    }
  }
  return end;
}

const char* behind_digits(const char* at, const char* end) {
  while (at < end && is_digit(*at)) ++at;
  return at;
}

const char* behind_number(const char* at, const char* end) {
  if (at < end && *at == '-') ++at;
  const char* whole = at;
  at = behind_digits(at, end);
  if (at == whole || (*whole == '0' && at - whole > 1)) return nullptr;
  if (at < end && *at == '.') {
    const char* part = ++at;
    if ((at = behind_digits(at, end)) == part) return nullptr;
  }
  if (at < end && (*at | 0x20) == 'e') {
    ++at;
    if (at < end && (*at == '+' || *at == '-')) ++at;
    const char* power = at;
    if ((at = behind_digits(at, end)) == power) return nullptr;
  }
  return at;
}

// Of "1732412345.123456" and the like, the seventh digit behind the point rounding up.
std::optional<std::int64_t> decimal_microseconds(std::string_view number) {
  const std::size_t point = number.find('.');
  if (point == 0 || point > 10 || number.size() < point + 2) return std::nullopt;
  std::int64_t whole = 0;
  std::int64_t part = 0;
  bool digits = true;
  const auto append = [&](std::int64_t& value, std::size_t at) {
    digits &= is_digit(number[at]);
    value = value * 10 + (number[at] - '0');
  };
  for (std::size_t i = 0; i < point; ++i) append(whole, i);
  const std::size_t end = std::min(number.size(), point + 7);
  for (std::size_t i = point + 1; i < end; ++i) append(part, i);
  for (std::size_t i = end; i < point + 7; ++i) part *= 10;
  for (std::size_t i = end; i < number.size(); ++i) digits &= is_digit(number[i]);
  if (!digits) return std::nullopt;
  const bool up = number.size() > end && number[end] >= '5';
  return whole * 1'000'000 + part + (up ? 1 : 0);
}

}  // namespace

const char* end_of_json_string(const char* inside, const char* end) noexcept {
  for (const char* at = inside;;) {
    at = next_special(at, end);
    if (at == end) return nullptr;
    if (*at == '"') return at;
    if (*at == '\\') {
      if ((at = behind_escape(at, end)) == nullptr) return nullptr;
      continue;
    }
    const std::size_t length = static_cast<unsigned char>(*at) < 0x20
                                   ? 0
                                   : utf8_length({at, static_cast<std::size_t>(end - at)});
    if (length == 0) return nullptr;
    at += length;
  }
}

bool is_json_string_inside(std::string_view inside) noexcept {
  const char* end = inside.data() + inside.size();
  for (const char* at = inside.data(); (at = next_special(at, end)) != end;) {
    if (*at == '\\') {
      if ((at = behind_escape(at, end)) == nullptr) return false;
      continue;
    }
    if (*at == '"' || static_cast<unsigned char>(*at) < 0x20) return false;
    const std::size_t length = utf8_length({at, static_cast<std::size_t>(end - at)});
    if (length == 0) return false;
    at += length;
  }
  return true;
}

const char* end_of_json_scalar(const char* begin, const char* end) noexcept {
  const std::string_view rest(begin, static_cast<std::size_t>(end - begin));
  if (rest.empty()) return nullptr;
  switch (rest[0]) {
    case 't': return rest.starts_with("true") ? begin + 4 : nullptr;
    case 'f': return rest.starts_with("false") ? begin + 5 : nullptr;
    case 'n': return rest.starts_with("null") ? begin + 4 : nullptr;
    default: return behind_number(begin, end);
  }
}

std::int64_t microseconds_of(std::string_view number) noexcept {
  if (const auto us = decimal_microseconds(number)) return *us;
  const char* end = number.data() + number.size();
  double seconds = 0;
  const auto [behind, failure] = std::from_chars(number.data(), end, seconds);
  if (failure != std::errc{} || behind != end) return 0;
  const double us = seconds * 1e6;
  return std::abs(us) < 9e18 ? std::llround(us) : 0;
}

}  // namespace xylem
