#include "relay/transport/lookup.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <poll.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <memory>

namespace xylem {
namespace {

constexpr int kAnswerMs = 1'000;

using Found = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

// Of an IP address, without asking anybody; null for anything else.
Found socket_address(const Address& address) {
  const std::string host = address.bare_ip("0.0.0.0");
  addrinfo wanted{};
  wanted.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), std::to_string(address.port()).c_str(), &wanted, &found) != 0) {
    found = nullptr;
  }
  return {found, ::freeaddrinfo};
}

// The IPv4 address of a network interface, which is where ZeroMQ listens by its name; else "".
std::string ip_of_interface(const std::string& name) {
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) return {};
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> all(first, ::freeifaddrs);
  for (const ifaddrs* one = first; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr || one->ifa_addr->sa_family != AF_INET || name != one->ifa_name) {
      continue;
    }
    std::array<char, INET_ADDRSTRLEN> text{};
    const auto* ipv4 = reinterpret_cast<const sockaddr_in*>(one->ifa_addr);
    ::inet_ntop(AF_INET, &ipv4->sin_addr, text.data(), text.size());
    return text.data();
  }
  return {};
}

// Its bytes, 4 or 16; empty for what is no IP address.
std::string ip_bytes(const Address& address) {
  Found place = socket_address(address);
  if (!place) place = socket_address(address.looked_up_as(ip_of_interface(address.host())));
  if (!place) return {};
  if (place->ai_family == AF_INET) {
    const auto* ipv4 = reinterpret_cast<const sockaddr_in*>(place->ai_addr);
    return {reinterpret_cast<const char*>(&ipv4->sin_addr), sizeof ipv4->sin_addr};
  }
  const auto* ipv6 = reinterpret_cast<const sockaddr_in6*>(place->ai_addr);
  return {reinterpret_cast<const char*>(&ipv6->sin6_addr), sizeof ipv6->sin6_addr};
}

bool is_every_address(const std::string& bytes) {
  return !bytes.empty() && bytes.find_first_not_of('\0') == std::string::npos;
}

std::filesystem::path file_of(const Address& address) {
  std::error_code unknown;
  const auto path = std::filesystem::absolute(address.host(), unknown);
  const auto found = std::filesystem::weakly_canonical(path, unknown);
  return unknown ? path.lexically_normal() : found;
}

bool is_of_this_machine(const Address& address) {
  const Found place = socket_address(address);
  if (!place) return false;
  const int probe = ::socket(place->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (probe < 0) return false;
  // Any port: whether the address's own is free is for later.
  std::memset(place->ai_addr->sa_data, 0, sizeof(in_port_t));
  const bool bound = ::bind(probe, place->ai_addr, place->ai_addrlen) == 0;
  ::close(probe);
  return bound;
}

Result<void> connect_within_a_second(const sockaddr* place, socklen_t size) {
  const int probe = ::socket(place->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (probe < 0) return fail(ErrorCode::io, std::strerror(errno));
  int error = ::connect(probe, place, size) == 0 ? 0 : errno;
  if (error == EINPROGRESS) {
    pollfd wait{probe, POLLOUT, 0};
    socklen_t error_size = sizeof error;
    if (::poll(&wait, 1, kAnswerMs) != 1) {
      error = ETIMEDOUT;
    } else if (::getsockopt(probe, SOL_SOCKET, SO_ERROR, &error, &error_size) != 0) {
      error = errno;
    }
  }
  ::close(probe);
  if (error == 0) return {};
  return fail(ErrorCode::io, std::strerror(error));
}

Result<void> knock_on_ip(const Address& address) {
  const Found place = socket_address(address);
  if (!place) {
    return fail(ErrorCode::io, fmt::format("{} names no interface of this machine", address.ip()));
  }
  return connect_within_a_second(place->ai_addr, place->ai_addrlen);
}

bool answers(const Address& address) { return knock_on_ip(address).has_value(); }

std::string owner_of(const struct stat& status) {
  const passwd* user = ::getpwuid(status.st_uid);
  const group* members = ::getgrgid(status.st_gid);
  return fmt::format("{}:{}", user != nullptr ? user->pw_name : std::to_string(status.st_uid),
                     members != nullptr ? members->gr_name : std::to_string(status.st_gid));
}

Result<std::vector<Address>> addresses_of(const Address& address, Resolver resolver) {
  XYLEM_TRY(const std::vector<std::string> ips, resolver(address.host()));
  std::vector<Address> found;
  for (const std::string& ip : ips) found.push_back(address.looked_up_as(ip));
  return found;
}

}  // namespace

Result<std::vector<std::string>> system_resolver(const std::string& name) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* first = nullptr;
  if (const int failed = ::getaddrinfo(name.c_str(), nullptr, &wanted, &first); failed != 0) {
    return fail(ErrorCode::io,
                fmt::format("'{}' has no address: {}", name, ::gai_strerror(failed)));
  }
  const Found all(first, ::freeaddrinfo);
  std::vector<std::string> ips;
  for (const int family : {AF_INET, AF_INET6}) {
    for (const addrinfo* one = first; one != nullptr; one = one->ai_next) {
      std::array<char, NI_MAXHOST> text{};
      if (one->ai_family != family || ::getnameinfo(one->ai_addr, one->ai_addrlen, text.data(),
                                                    text.size(), nullptr, 0, NI_NUMERICHOST) != 0) {
        continue;
      }
      ips.push_back(family == AF_INET ? text.data() : fmt::format("[{}]", text.data()));
    }
  }
  if (ips.empty()) return fail(ErrorCode::io, fmt::format("'{}' has no address", name));
  return ips;
}

Result<Address> look_up_to_listen(const Address& address, Resolver resolver) {
  if (address.scheme() == Address::Scheme::ipc) return address;
  const bool interface =
      address.scheme() == Address::Scheme::tcp && ::if_nametoindex(address.host().c_str()) != 0;
  if (interface) return address;
  std::vector<Address> candidates{address};
  if (address.is_name()) {
    XYLEM_TRY(candidates, addresses_of(address, resolver));
  }
  const auto ours = std::find_if(candidates.begin(), candidates.end(), is_of_this_machine);
  if (ours != candidates.end()) return *ours;
  return fail(ErrorCode::io,
              fmt::format("{} is no address of this machine, so nothing can listen there",
                          address.is_name()
                              ? fmt::format("'{}' ({})", address.host(), candidates.front().ip())
                              : address.host()));
}

Result<Address> look_up_to_connect(const Address& address, Resolver resolver) {
  if (!address.is_name()) return address;
  XYLEM_TRY(const std::vector<Address> candidates, addresses_of(address, resolver));
  if (candidates.size() == 1) return candidates.front();
  const auto there = std::find_if(candidates.begin(), candidates.end(), answers);
  return there != candidates.end() ? *there : candidates.front();
}

bool same_place(const Address& a, const Address& b) {
  using enum Address::Scheme;
  if ((a.scheme() == ipc) != (b.scheme() == ipc)) return false;
  if (a.scheme() == ipc) return file_of(a) == file_of(b);
  if (a.port() != b.port() || a.port() == 0) return false;
  const std::string ours = ip_bytes(a);
  const std::string theirs = ip_bytes(b);
  if (ours.empty() || theirs.empty()) return a.host() == b.host();
  return ours == theirs || is_every_address(ours) || is_every_address(theirs);
}

bool leads_to(const Address& to, const Address& listen, Resolver resolver) {
  std::vector<Address> candidates{to};
  if (to.is_name()) {
    const auto found = addresses_of(to, resolver);
    if (!found) return false;
    candidates = *found;
  }
  return std::any_of(candidates.begin(), candidates.end(), [&](const Address& one) {
    const bool is_ip = one.scheme() != Address::Scheme::ipc;
    return same_place(one, listen) && (!is_ip || is_of_this_machine(one));
  });
}

Result<void> may_write(const Address& address) {
  const char* path = address.host().c_str();
  if (address.scheme() != Address::Scheme::ipc ||
      ::faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0 || errno != EACCES) {
    return {};
  }
  struct stat status {};
  if (::stat(path, &status) != 0) {
    return fail(
        ErrorCode::io,
        fmt::format("permission denied: a folder on the way to {} lets this user not through",
                    address.text()));
  }
  return fail(ErrorCode::io,
              fmt::format("permission denied: {} is {}'s with mode {:04o}, so this user may not "
                          "write to it; the relay's options ipc.mode and ipc.group let others in",
                          address.text(), owner_of(status), status.st_mode & 07777U));
}

Result<void> knock(const Address& address) {
  if (auto fine = address.can_be_connected_to(); !fine) return fine;
  if (address.scheme() != Address::Scheme::ipc) {
    XYLEM_TRY(const Address found, look_up_to_connect(address));
    return knock_on_ip(found);
  }
  if (auto allowed = may_write(address); !allowed) return allowed;
  sockaddr_un place{};
  place.sun_family = AF_UNIX;
  std::memcpy(place.sun_path, address.host().c_str(),
              std::min(address.host().size(), sizeof place.sun_path - 1));
  return connect_within_a_second(reinterpret_cast<const sockaddr*>(&place), sizeof place);
}

}  // namespace xylem
