#include "relay/client/event_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <iterator>

#include "relay/base/limits.h"
#include "relay/base/utf8.h"
#include "relay/codec/bytes16.h"

namespace xylem {
namespace {

bool is_plain(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x20 && byte < 0x80 && c != '"' && c != '\\';
}

// How many objects and lists are inside each other at most, of valid JSON.
std::size_t depth_of(std::string_view json) {
  std::size_t deepest = 0;
  std::size_t depth = 0;
  bool in_text = false;
  for (std::size_t at = 0; at < json.size(); ++at) {
    const char c = json[at];
    if (c == '"') {
      in_text = !in_text;
    } else if (in_text) {
      at += c == '\\' ? 1 : 0;
    } else if (c == '{' || c == '[') {
      deepest = std::max(deepest, ++depth);
    } else if ((c == '}' || c == ']') && depth != 0) {
      --depth;
    }
  }
  return deepest;
}

// How many bytes stand in JSON as they are.
std::size_t plain_bytes(std::string_view text) {
  std::size_t at = 0;
  for (; text.size() - at >= Bytes16::kSize; at += Bytes16::kSize) {
    if (const auto bits = Bytes16::load(text.data() + at).special(); bits != 0) {
      return at + static_cast<std::size_t>(std::countr_zero(bits));
    }
  }
  while (at < text.size() && is_plain(text[at])) ++at;
  return at;
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const std::size_t plain = plain_bytes(text);
    out.append(text.substr(0, plain));
    text.remove_prefix(plain);
    if (text.empty()) break;
    const char c = text.front();
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
      text.remove_prefix(1);
    } else if (static_cast<unsigned char>(c) < 0x20) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
      text.remove_prefix(1);
    } else if (const std::size_t length = utf8_length(text); length != 0) {
      out.append(text.substr(0, length));
      text.remove_prefix(length);
    } else {
      out += "\xEF\xBF\xBD";
      text.remove_prefix(1);
    }
  }
  out += '"';
}

bool EventFields::is_common(std::string_view name) {
  return name == "type" || name == "timestamp" || name == "hostname" || name == "utcoffset" ||
         name == "pid" || name == "clock";
}

void EventFields::name(std::string_view name) {
  has_common_ |= is_common(name);
  if (!text_.empty()) text_ += ',';
  append_json_string(text_, name);
  text_ += ':';
}

EventFields& EventFields::add(std::string_view field, std::string_view text) {
  name(field);
  append_json_string(text_, text);
  return *this;
}

EventFields& EventFields::add(std::string_view field, double number) {
  if (!std::isfinite(number)) return add_null(field);
  name(field);
  fmt::format_to(std::back_inserter(text_), "{}", number);
  return *this;
}

EventFields& EventFields::add_integer(std::string_view field, std::int64_t number) {
  name(field);
  const fmt::format_int digits(number);
  text_.append(digits.data(), digits.size());
  return *this;
}

EventFields& EventFields::add_unsigned(std::string_view field, std::uint64_t number) {
  name(field);
  const fmt::format_int digits(number);
  text_.append(digits.data(), digits.size());
  return *this;
}

EventFields& EventFields::add_json(std::string_view field, std::string_view json) {
  name(field);
  text_ += json;
  is_too_deep_ |= depth_of(json) >= kJsonDepthMax;
  return *this;
}

}  // namespace xylem
