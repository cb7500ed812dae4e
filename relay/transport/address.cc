#include "relay/transport/address.h"

#include <fmt/format.h>

#include <charconv>

#include "relay/base/log.h"

namespace xylem {
namespace {
constexpr std::size_t kIpcPathBytesMax = 107;  // sockaddr_un
}

Result<Address> Address::parse(std::string_view text) {
  const auto refuse = [&](std::string_view why) {
    return fail(ErrorCode::bad_address, fmt::format("address '{}' {}", printable(text), why));
  };
  const std::size_t colon = text.find("://");
  if (colon == std::string_view::npos) {
    return refuse("has no scheme; write tcp://HOST:PORT, ipc://PATH or http://HOST:PORT");
  }
  const std::string_view scheme = text.substr(0, colon);
  std::string_view rest = text.substr(colon + 3);
  Address address;
  if (scheme == "ipc") {
    if (rest.empty()) return refuse("has no path");
    if (rest.size() > kIpcPathBytesMax) {
      return refuse(fmt::format("has a path longer than {} bytes", kIpcPathBytesMax));
    }
    address.scheme_ = Scheme::ipc;
    address.host_ = rest;
    return address;
  }
  if (scheme != "tcp" && scheme != "http")
    return refuse("has a scheme that is not tcp, ipc or http");
  address.scheme_ = scheme == "tcp" ? Scheme::tcp : Scheme::http;
  while (scheme == "http" && !rest.empty() && rest.back() == '/') rest.remove_suffix(1);
  const std::size_t port_at = rest.rfind(':');
  if (port_at == std::string_view::npos || port_at == 0) return refuse("needs HOST:PORT");
  address.host_ = rest.substr(0, port_at);
  const std::string_view port = rest.substr(port_at + 1);
  const char* end = port.data() + port.size();
  const auto [last, failure] = std::from_chars(port.data(), end, address.port_);
  if (failure != std::errc{} || last != end) return refuse("has no port from 0 to 65535");
  const bool bracketed = address.host_.front() == '[' && address.host_.back() == ']';
  if (!bracketed && address.host_.find(':') != std::string::npos) {
    return refuse("has an IPv6 address without brackets");
  }
  return address;
}

bool Address::is_local() const {
  // 127.example.org is a name that may lead anywhere.
  const bool loopback =
      host_.starts_with("127.") && host_.find_first_not_of("0123456789.") == std::string::npos;
  return scheme_ == Scheme::ipc || host_ == "localhost" || loopback || host_ == "[::1]";
}

std::string Address::text() const {
  switch (scheme_) {
    case Scheme::ipc: return "ipc://" + host_;
    case Scheme::tcp: return fmt::format("tcp://{}:{}", host_, port_);
    case Scheme::http: return fmt::format("http://{}:{}", host_, port_);
  }
  return {};
}

}  // namespace xylem
