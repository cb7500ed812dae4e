#include "relay/codec/event_view.h"

#include <charconv>
#include <cstring>

#include "relay/base/limits.h"
#include "relay/codec/json_token.h"

namespace xylem {
namespace {

constexpr std::array<std::string_view, kEventFieldCount> kNames{
    "type",           "uuid",      "hostname",    "timestamp", "clock",     "utcoffset", "pid",
    "local_received", "name",      "args",        "kwargs",    "eta",       "expires",   "retries",
    "queue",          "exchange",  "routing_key", "root_id",   "parent_id", "result",    "runtime",
    "exception",      "traceback", "terminated",  "signum",    "expired",   "requeue",   "freq",
    "active",         "processed", "loadavg",     "sw_ident",  "sw_ver",    "sw_sys",    "state",
    "sent",           "received",  "started",     "succeeded", "failed",    "retried",   "revoked",
    "rejected",       "client"};

// Length, first, middle and last byte tell all of them apart; the numbers were searched for.
constexpr std::size_t slot_of(std::string_view name) {
  return (name.size() + static_cast<unsigned char>(name.front()) * 11U +
          static_cast<unsigned char>(name.back()) * 31U +
          static_cast<unsigned char>(name[name.size() / 2]) * 23U) %
         128;
}

struct NameTable {
  std::array<std::uint8_t, 128> field{};  // plus one
  bool perfect = true;
};

constexpr NameTable make_table() {
  NameTable table;
  for (std::size_t i = 0; i < kEventFieldCount; ++i) {
    std::uint8_t& slot = table.field[slot_of(kNames[i])];
    if (slot != 0) table.perfect = false;
    slot = static_cast<std::uint8_t>(i + 1);
  }
  return table;
}
constexpr NameTable kTable = make_table();
static_assert(kTable.perfect, "two names share a slot");

const char* skip_space(const char* at, const char* end) {
  while (at != end && (*at == ' ' || *at == '\n' || *at == '\t' || *at == '\r')) ++at;
  return at;
}

void append_utf8(std::string& into, std::uint32_t code) {
  if (code < 0x80) {
    into += static_cast<char>(code);
  } else if (code < 0x800) {
    into += static_cast<char>(0xC0 | code >> 6);
    into += static_cast<char>(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    into += static_cast<char>(0xE0 | code >> 12);
    into += static_cast<char>(0x80 | (code >> 6 & 0x3F));
    into += static_cast<char>(0x80 | (code & 0x3F));
  } else {
    into += static_cast<char>(0xF0 | code >> 18);
    into += static_cast<char>(0x80 | (code >> 12 & 0x3F));
    into += static_cast<char>(0x80 | (code >> 6 & 0x3F));
    into += static_cast<char>(0x80 | (code & 0x3F));
  }
}

std::uint32_t hex_at(std::string_view text, std::size_t at) {
  std::uint32_t code = 0;
  if (at + 4 > text.size()) return 0xFFFD;
  std::from_chars(text.data() + at, text.data() + at + 4, code, 16);
  return code;
}

// A \u escape at `at`, with the second of a pair; moves `at` to its last byte.
std::uint32_t code_at(std::string_view inside, std::size_t& at) {
  std::uint32_t code = hex_at(inside, at + 1);
  at += 4;
  if (code < 0xD800 || code > 0xDFFF) return code;
  if (code < 0xDC00 && inside.substr(at + 1, 2) == "\\u") {
    const std::uint32_t low = hex_at(inside, at + 3);
    if (low >= 0xDC00 && low <= 0xDFFF) {
      at += 6;
      return 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
  }
  return 0xFFFD;  // Python has half a character here, which UTF-8 cannot say
}

void unescape(std::string_view inside, std::string& into) {
  into.clear();
  for (std::size_t i = 0; i < inside.size(); ++i) {
    if (inside[i] != '\\' || i + 1 == inside.size()) {
      into += inside[i];
      continue;
    }
    switch (inside[++i]) {
      case 'n': into += '\n'; break;
      case 't': into += '\t'; break;
      case 'r': into += '\r'; break;
      case 'b': into += '\b'; break;
      case 'f': into += '\f'; break;
      case 'u': append_utf8(into, code_at(inside, i)); break;
      default: into += inside[i];
    }
  }
}

// Nested values only: strings and scalars end by themselves.
const char* end_of_nested(const char* at, const char* end) {
  std::size_t depth = 0;
  do {
    if (at == end) return nullptr;
    switch (*at) {
      case '{':
      case '[':
        if (++depth > kJsonDepthMax) return nullptr;
        ++at;
        break;
      case '}':
      case ']':
        --depth;
        ++at;
        break;
      case '"':
        at = end_of_json_string(at + 1, end);
        if (at == nullptr) return nullptr;
        ++at;
        break;
      default: ++at;
    }
  } while (depth != 0);
  return at;
}

}  // namespace

std::string_view name_of(EventField field) { return kNames[static_cast<std::size_t>(field)]; }

std::optional<EventField> event_field(std::string_view name) {
  if (name.empty()) return std::nullopt;
  const std::uint8_t slot = kTable.field[slot_of(name)];
  if (slot == 0 || kNames[slot - 1] != name) return std::nullopt;
  return static_cast<EventField>(slot - 1);
}

const char* end_of_json_value(const char* begin, const char* end) noexcept {
  if (begin == end) return nullptr;
  if (*begin == '"') {
    const char* const quote = end_of_json_string(begin + 1, end);
    return quote == nullptr ? nullptr : quote + 1;
  }
  if (*begin == '{' || *begin == '[') return end_of_nested(begin, end);
  return end_of_json_scalar(begin, end);
}

bool EventView::open(std::string_view body) noexcept {
  present_ = 0;
  body_ = body;
  const char* const end = body.data() + body.size();
  const char* at = skip_space(body.data(), end);
  if (at == end || *at != '{') return false;
  at = skip_space(at + 1, end);
  if (at != end && *at == '}') return true;
  for (;;) {
    if (at == end || *at != '"') return present_ = 0, false;
    const char* const key_end = end_of_json_string(at + 1, end);
    if (key_end == nullptr) return present_ = 0, false;
    const std::string_view key(at + 1, static_cast<std::size_t>(key_end - at - 1));
    at = skip_space(key_end + 1, end);
    if (at == end || *at != ':') return present_ = 0, false;
    at = skip_space(at + 1, end);
    const char* const value_end = end_of_json_value(at, end);
    if (value_end == nullptr) return present_ = 0, false;
    const std::string_view value(at, static_cast<std::size_t>(value_end - at));
    if (const auto field = event_field(key)) {
      set(*field, value);
    } else if (key.find('\\') != std::string_view::npos) {
      std::string plain;
      unescape(key, plain);
      if (const auto escaped = event_field(plain)) set(*escaped, value);
    }
    at = skip_space(value_end, end);
    if (at != end && *at == '}') return true;
    if (at == end || *at != ',') return present_ = 0, false;
    at = skip_space(at + 1, end);
  }
}

bool is_json_text(std::string_view json) noexcept {
  return json.size() >= 2 && json.front() == '"';
}

std::string_view json_text(std::string_view json, std::string& scratch) {
  if (!is_json_text(json)) return {};
  const std::string_view inside = json.substr(1, json.size() - 2);
  if (std::memchr(inside.data(), '\\', inside.size()) == nullptr) return inside;
  unescape(inside, scratch);
  return scratch;
}

std::optional<double> json_number(std::string_view json) noexcept {
  double value = 0;
  const auto [end, failure] = std::from_chars(json.data(), json.data() + json.size(), value);
  if (failure != std::errc{} || end != json.data() + json.size()) return std::nullopt;
  return value;
}

void append_json_text(std::string& into, std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  into += '"';
  for (const char c : text) {
    switch (c) {
      case '"': into += "\\\""; break;
      case '\\': into += "\\\\"; break;
      case '\n': into += "\\n"; break;
      case '\r': into += "\\r"; break;
      case '\t': into += "\\t"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          into += "\\u00";
          into += kHex[static_cast<unsigned char>(c) >> 4];
          into += kHex[static_cast<unsigned char>(c) & 15];
        } else {
          into += c;
        }
    }
  }
  into += '"';
}

}  // namespace xylem
