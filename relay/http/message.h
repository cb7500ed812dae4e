#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "relay/base/result.h"
#include "relay/http/pages.h"

namespace xylem {

// Requests out of bytes, and answers into bytes (RFC 7230), without a socket.

struct HttpRequest {
  std::string method;
  std::string target;  // as it came: the path, and perhaps a query
  std::string host;    // the header, or nothing
  bool has_body = false;
  bool keep_alive = true;          // HTTP/1.1 unless it says close, HTTP/1.0 if it says keep-alive
  std::string last_event_id = {};  // the header, of who comes back to kLivePath
};

// Where the header at the front of `bytes` ends, behind its empty line; nothing if that has not
// come. `seen` bytes were looked at before.
[[nodiscard]] std::optional<std::size_t> header_end(std::string_view bytes, std::size_t seen);
// False for what cannot become a request whatever comes next, as the first bytes of TLS.
[[nodiscard]] bool may_be_request(std::string_view bytes);
// `header` up to its header_end(). Errors: malformed, with the reason.
[[nodiscard]] Result<HttpRequest> parse_request(std::string_view header);

// Status line and headers of a page. The body follows, but for HEAD.
[[nodiscard]] std::string header_of(const Page& page, bool keep_alive);
// Of server-sent events, which go on until the connection ends.
[[nodiscard]] std::string live_header();

}  // namespace xylem
