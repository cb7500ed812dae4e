#include "relay/http/message.h"

#include <fmt/format.h>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/status.hpp>
#include <limits>

namespace xylem {
namespace {

namespace http = boost::beast::http;

std::string text_of(boost::beast::string_view text) { return {text.data(), text.size()}; }

}  // namespace

std::optional<std::size_t> header_end(std::string_view bytes, std::size_t seen) {
  // A line may have ended, and the empty one begun, in what was seen.
  std::size_t at = bytes.find('\n', seen < 2 ? 0 : seen - 2);
  for (; at != std::string_view::npos; at = bytes.find('\n', at + 1)) {
    const std::string_view rest = bytes.substr(at + 1);
    // Lines without CR are found as well, so that parse_request() refuses them at once.
    if (rest.starts_with('\n')) return at + 2;
    if (rest.starts_with("\r\n")) return at + 3;
  }
  return std::nullopt;
}

bool may_be_request(std::string_view bytes) {
  return bytes.empty() || (bytes.front() >= 'A' && bytes.front() <= 'Z');
}

Result<HttpRequest> parse_request(std::string_view header) {
  http::request_parser<http::empty_body> parser;
  // How long it may be was decided by who collected it; a body is for the caller to refuse.
  parser.header_limit(static_cast<std::uint32_t>(header.size()));
  parser.body_limit(std::numeric_limits<std::uint64_t>::max());
  boost::system::error_code ec;
  parser.put(boost::asio::buffer(header.data(), header.size()), ec);
  if (!parser.is_header_done()) {
    return fail(ErrorCode::malformed, fmt::format("this is not HTTP/1.1: {}", ec.message()));
  }
  const auto& message = parser.get();
  return HttpRequest{text_of(message.method_string()),
                     text_of(message.target()),
                     text_of(message[http::field::host]),
                     parser.chunked() || parser.content_length().value_or(0) > 0,
                     parser.keep_alive(),
                     text_of(message["Last-Event-ID"])};
}

std::string live_header() {
  return "HTTP/1.1 200 OK\r\n"
         "Content-Type: text/event-stream\r\n"
         "X-Content-Type-Options: nosniff\r\n"
         "X-Accel-Buffering: no\r\n"
         "Cache-Control: no-store\r\n"
         "Connection: close\r\n\r\n";
}

std::string header_of(const Page& page, bool keep_alive) {
  const auto reason = text_of(http::obsolete_reason(static_cast<http::status>(page.status)));
  return fmt::format(
      "HTTP/1.1 {} {}\r\n"
      "Content-Type: {}\r\n"
      "Content-Length: {}\r\n"
      "X-Content-Type-Options: nosniff\r\n"
      "Content-Security-Policy: default-src 'none'\r\n"
      "Cache-Control: no-store\r\n"
      "{}"
      "Connection: {}\r\n\r\n",
      page.status, reason, page.content_type, page.body.size(),
      page.allow.empty() ? "" : fmt::format("Allow: {}\r\n", page.allow),
      keep_alive ? "keep-alive" : "close");
}

}  // namespace xylem
