#include "relay/amqp/message_content.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "relay/base/log.h"

namespace xylem {
namespace {

constexpr std::string_view kSpaces = " \t\r\n";

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kSpaces);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpaces) + 1 - begin);
}

std::string lower(std::string_view text) {
  std::string made(trimmed(text));
  std::transform(made.begin(), made.end(), made.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return made;
}

// The value of `charset`, or "" if there is none.
std::string charset_in(std::string_view parameters) {
  while (!parameters.empty()) {
    const std::string_view one = parameters.substr(0, parameters.find(';'));
    parameters.remove_prefix(std::min(one.size() + 1, parameters.size()));
    const std::size_t equals = one.find('=');
    if (equals == std::string_view::npos || lower(one.substr(0, equals)) != "charset") continue;
    std::string value = lower(one.substr(equals + 1));
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
      value = value.substr(1, value.size() - 2);
    }
    return value;
  }
  return {};
}

bool is_utf8(std::string_view encoding) {
  constexpr std::array kNames{"", "utf-8", "utf8", "us-ascii", "ascii"};
  return std::find(kNames.begin(), kNames.end(), encoding) != kNames.end();
}

}  // namespace

Content content_of(const Delivery& delivery, bool msgpack_wanted) {
  const std::string_view type = delivery.content_type;
  const std::size_t end = std::min(type.find(';'), type.size());
  const std::string media = lower(type.substr(0, end));
  const std::string charset = end == type.size() ? "" : charset_in(type.substr(end + 1));
  const std::string encoding = lower(delivery.content_encoding);
  Content content;
  content.is_msgpack = media == "application/x-msgpack" || media == "application/msgpack";
  if (!delivery.compression.empty()) {
    content.why_not = fmt::format("compressed as '{}'", printable(delivery.compression));
  } else if (content.is_msgpack) {
    if (!msgpack_wanted) {
      content.why_not = "MessagePack is taken with amqp_source.msgpack = true";
    } else if (encoding != "binary" && !is_utf8(encoding)) {
      content.why_not = fmt::format("its content_encoding is '{}', not binary",
                                    printable(delivery.content_encoding));
    }
  } else if (media != "application/json") {
    content.why_not = fmt::format("its content_type is '{}', not application/json",
                                  printable(delivery.content_type));
  } else if (!is_utf8(charset)) {
    content.why_not = fmt::format("its charset is '{}', not utf-8", printable(charset));
  } else if (!is_utf8(encoding) && encoding != "binary") {
    content.why_not = fmt::format("its content_encoding is '{}', not utf-8",
                                  printable(delivery.content_encoding));
  }
  return content;
}

}  // namespace xylem
