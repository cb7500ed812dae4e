#include "relay/transport/address.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <strings.h>

#include <array>
#include <charconv>
#include <utility>

#include "relay/base/log.h"

namespace xylem {
namespace {
constexpr std::size_t kIpcPathBytesMax = 107;  // sockaddr_un
constexpr std::size_t kNameBytesMax = 253;     // RFC 1035 §2.3.4, as text

bool is_ip(int family, std::string_view text) {
  std::array<std::byte, sizeof(in6_addr)> address{};
  return ::inet_pton(family, std::string(text).c_str(), address.data()) == 1;
}

bool is_dotted(std::string_view host) {
  return host.find_first_not_of("0123456789.") == std::string_view::npos;
}

// [fe80::1%eth0]: the zone names the interface that a link's address is of.
std::string_view ipv6_problem(std::string_view inner) {
  const std::size_t zone = inner.find('%');
  const std::string ip(inner.substr(0, zone));
  in6_addr address{};
  if (::inet_pton(AF_INET6, ip.c_str(), &address) != 1) {
    return "has no IPv6 address in its brackets";
  }
  if (zone == std::string_view::npos) return {};
  if (zone + 1 == inner.size()) return "has no interface behind its %";
  return IN6_IS_ADDR_LINKLOCAL(&address)
             ? ""
             : "has a zone (%), which only a link's own address (fe80::) can have";
}

// Of an IPv6 address as text, however it is written.
bool is_ipv6_loopback(std::string_view inner) {
  in6_addr address{};
  if (::inet_pton(AF_INET6, std::string(inner).c_str(), &address) != 1) return false;
  return IN6_IS_ADDR_LOOPBACK(&address) ||
         (IN6_IS_ADDR_V4MAPPED(&address) && address.s6_addr[12] == 127);
}

// What is wrong with a host, or nothing.
std::string_view host_problem(std::string_view host) {
  if (host == "*") return {};
  if (host.starts_with('[') && host.ends_with(']')) {
    return ipv6_problem(host.substr(1, host.size() - 2));
  }
  if (host.find(':') != std::string_view::npos) return "has an IPv6 address without brackets";
  if (is_dotted(host))
    return is_ip(AF_INET, host) ? "" : "has no IPv4 address of four numbers up to 255";
  const bool plain =
      host.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") ==
      std::string_view::npos;
  return plain && host.size() <= kNameBytesMax ? ""
                                               : "has a host that is neither a name nor an address";
}

}  // namespace

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
    // To ZeroMQ a name of the abstract namespace, which has no permissions, and any path.
    if (rest.front() == '@' || rest.front() == '*') {
      return refuse("begins with @ or *, which is no file; write ipc:///PATH");
    }
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
  if (const auto problem = host_problem(address.host_); !problem.empty()) return refuse(problem);
  return address;
}

std::string Address::bare_ip(std::string_view every) const {
  if (ip() == "*") return std::string(every);
  return ip().starts_with('[') ? ip().substr(1, ip().size() - 2) : ip();
}

bool Address::is_local() const {
  // 127.example.org is a name that may lead anywhere.
  const bool loopback = host_.starts_with("127.") && is_dotted(host_);
  if (scheme_ == Scheme::ipc || loopback) return true;
  if (host_.starts_with('[')) return is_ipv6_loopback({host_.data() + 1, host_.size() - 2});
  return ::strcasecmp(host_.c_str(), "localhost") == 0;
}

bool Address::is_name() const {
  return scheme_ != Scheme::ipc && host_ != "*" && !host_.starts_with('[') && !is_dotted(host_);
}

Address Address::looked_up_as(std::string ip) const {
  Address found = *this;
  found.ip_ = std::move(ip);
  return found;
}

Result<void> Address::can_be_connected_to() const {
  const auto refuse = [&](std::string_view why) {
    return fail(ErrorCode::bad_address, fmt::format("address '{}' {}", text(), why));
  };
  if (scheme_ == Scheme::http) return refuse("is not a tcp:// or ipc:// address");
  if (scheme_ == Scheme::ipc) return {};
  if (host_ == "*") return refuse("is every address of this machine; name the one to connect to");
  if (port_ == 0) return refuse("has port 0, on which nobody listens");
  return {};
}

std::string Address::text() const {
  switch (scheme_) {
    case Scheme::ipc: return "ipc://" + host_;
    case Scheme::tcp: return fmt::format("tcp://{}:{}", host_, port_);
    case Scheme::http: return fmt::format("http://{}:{}", host_, port_);
  }
  return {};
}

std::string Address::endpoint() const {
  Address plain = *this;
  plain.host_ = ip();
  return plain.text();
}

}  // namespace xylem
