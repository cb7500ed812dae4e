#include "relay/top/text.h"

#include <fmt/format.h>
#include <langinfo.h>
#include <wchar.h>

#include <algorithm>
#include <array>

#include "relay/base/utf8.h"

namespace xylem::top {
namespace {

constexpr int kAccentsMax = 2;

struct Range {
  char32_t first;
  char32_t last;
};
// Unicode's format characters (general category Cf), its line separators and variation selectors:
// they are not seen, or change how others are.
constexpr std::array kUnseen{
    Range{0x00AD, 0x00AD},   Range{0x034F, 0x034F},   Range{0x0600, 0x0605},
    Range{0x061C, 0x061C},   Range{0x06DD, 0x06DD},   Range{0x070F, 0x070F},
    Range{0x115F, 0x1160},   Range{0x17B4, 0x17B5},   Range{0x180B, 0x180F},
    Range{0x200B, 0x200F},   Range{0x2028, 0x202E},   Range{0x2060, 0x206F},
    Range{0x3164, 0x3164},   Range{0xFE00, 0xFE0F},   Range{0xFEFF, 0xFEFF},
    Range{0xFFA0, 0xFFA0},   Range{0xFFF0, 0xFFFB},   Range{0x110BD, 0x110CD},
    Range{0x1BCA0, 0x1BCA3}, Range{0x1D173, 0x1D17A}, Range{0xE0000, 0xE0FFF},
};

bool is_unseen(char32_t letter) {
  return std::any_of(kUnseen.begin(), kUnseen.end(), [&](const Range& range) {
    return letter >= range.first && letter <= range.last;
  });
}

// REQUIRES a well-formed sequence.
char32_t decoded(std::string_view sequence) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(sequence[i]); };
  if (sequence.size() == 1) return byte(0);
  char32_t letter = byte(0) & (0x7Fu >> sequence.size());
  for (std::size_t i = 1; i < sequence.size(); ++i) letter = (letter << 6) | (byte(i) & 0x3Fu);
  return letter;
}

std::string escape_of(char32_t letter) {
  switch (letter) {
    case '\n': return "\\n";
    case '\r': return "\\r";
    case '\t': return "\\t";
    default: break;
  }
  const auto code = static_cast<std::uint32_t>(letter);
  if (code < 0x100) return fmt::format("\\x{:02x}", code);
  return code < 0x10000 ? fmt::format("\\u{:04x}", code) : fmt::format("\\U{:08x}", code);
}

// Columns of a character that is shown as it is; -1 for one that is not.
int width_of(char32_t letter, Letters letters) {
  if (letter < 0x80) return letter >= 0x20 && letter != 0x7F ? 1 : -1;
  if (letters == Letters::ascii || letter < 0xA0 || is_unseen(letter)) return -1;
  return ::wcwidth(static_cast<wchar_t>(letter));
}

}  // namespace

Letters letters_of_locale() {
  return std::string_view(::nl_langinfo(CODESET)) == "UTF-8" ? Letters::utf8 : Letters::ascii;
}

std::string harmless(std::string_view text, Letters letters) {
  std::string shown;
  shown.reserve(text.size());
  int accents = kAccentsMax;  // none may stand at the front
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0) {
      shown += fmt::format("\\x{:02x}", static_cast<unsigned char>(text.front()));
      text.remove_prefix(1);
      accents = kAccentsMax;
      continue;
    }
    const std::string_view sequence = text.substr(0, length);
    const char32_t letter = decoded(sequence);
    const int width = width_of(letter, letters);
    const bool is_shown = width > 0 || (width == 0 && accents < kAccentsMax);
    is_shown ? shown += sequence : shown += escape_of(letter);
    accents = !is_shown ? kAccentsMax : width > 0 ? 0 : accents + 1;
    text.remove_prefix(length);
  }
  return shown;
}

std::size_t columns_of(std::string_view text) {
  std::size_t columns = 0;
  while (!text.empty()) {
    const std::size_t length = std::max<std::size_t>(1, utf8_length(text));
    const int width = width_of(decoded(text.substr(0, length)), Letters::utf8);
    columns += width > 0 ? static_cast<std::size_t>(width) : 0;
    text.remove_prefix(length);
  }
  return columns;
}

std::size_t bytes_that_fit(std::string_view text, std::size_t columns) {
  std::size_t at = 0;
  std::size_t used = 0;
  while (at < text.size()) {
    const std::size_t length = std::max<std::size_t>(1, utf8_length(text.substr(at)));
    const int width = width_of(decoded(text.substr(at, length)), Letters::utf8);
    used += width > 0 ? static_cast<std::size_t>(width) : 0;
    if (used > columns && at != 0) break;
    at += length;
  }
  return at;
}

std::string clipped(std::string_view text, std::size_t columns, Letters letters) {
  if (columns_of(text) <= columns) return std::string(text);
  if (columns == 0) return "";
  const std::string_view mark = letters == Letters::utf8 ? "…" : "~";
  std::string_view front = text.substr(0, bytes_that_fit(text, columns - 1));
  if (columns_of(front) > columns - 1) front = {};
  return std::string(front) + std::string(mark);
}

std::string fitted(std::string_view text, std::size_t columns, Align align, Letters letters) {
  std::string cut = clipped(text, columns, letters);
  const std::size_t used = columns_of(cut);
  const std::string space(columns > used ? columns - used : 0, ' ');
  return align == Align::left ? cut + space : space + cut;
}

}  // namespace xylem::top
