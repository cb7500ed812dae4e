#include "relay/http/fetch.h"

#include <fmt/format.h>
#include <httplib.h>

namespace xylem {

Result<std::string> http_get(const Address& relay, const std::string& path) {
  std::string host = relay.ip();
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  if (host == "*") host = "127.0.0.1";
  httplib::Client client(host, relay.port());
  client.set_connection_timeout(2);
  client.set_read_timeout(2);
  const auto answer = client.Get(path.c_str());
  if (!answer) return fail(ErrorCode::timed_out, fmt::format("nobody answers at {}", relay.text()));
  if (answer->status != 200) {
    return fail(ErrorCode::refused,
                fmt::format("{}{} answers {}", relay.text(), path, answer->status));
  }
  return answer->body;
}

}  // namespace xylem
