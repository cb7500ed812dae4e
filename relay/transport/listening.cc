#include "relay/transport/listening.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>

namespace xylem {
namespace {

// An address as the system's calls take it.
struct Place {
  sockaddr_storage storage{};
  socklen_t length = 0;
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

Place place_of(const Address& address) {
  Place place;
  if (address.scheme() == Address::Scheme::ipc) {
    auto* unix_place = reinterpret_cast<sockaddr_un*>(&place.storage);
    unix_place->sun_family = AF_UNIX;
    const std::string& path = address.host();
    const std::size_t bytes = std::min(path.size(), sizeof unix_place->sun_path - 1);
    std::memcpy(unix_place->sun_path, path.c_str(), bytes);
    place.length = sizeof(sockaddr_un);
    return place;
  }
  const std::string& ip = address.ip();
  if (ip.starts_with('[')) {
    auto* six = reinterpret_cast<sockaddr_in6*>(&place.storage);
    six->sin6_family = AF_INET6;
    six->sin6_port = htons(address.port());
    ::inet_pton(AF_INET6, ip.substr(1, ip.size() - 2).c_str(), &six->sin6_addr);
    place.length = sizeof(sockaddr_in6);
    return place;
  }
  auto* four = reinterpret_cast<sockaddr_in*>(&place.storage);
  four->sin_family = AF_INET;
  four->sin_port = htons(address.port());
  if (ip != "*") ::inet_pton(AF_INET, ip.c_str(), &four->sin_addr);
  place.length = sizeof(sockaddr_in);
  return place;
}

// Closes the descriptor, and says what the system just said.
tl::unexpected<Error> failed(int fd, std::string_view verb, const Address& address) {
  const int error = errno;
  if (fd >= 0) ::close(fd);
  if (error == EADDRINUSE) {
    return fail(ErrorCode::address_in_use,
                fmt::format("{} is in use by another program", address.text()));
  }
  return fail(ErrorCode::io,
              fmt::format("cannot {} {}: {}", verb, address.text(), std::strerror(error)));
}

}  // namespace

Result<int> listen_on(const Address& address, const IpcAccess& access) {
  const bool ipc = address.scheme() == Address::Scheme::ipc;
  const Place place = place_of(address);
  const char* path = address.host().c_str();
  const int fd = ::socket(place.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return failed(fd, "make a socket for", address);
  const int yes = 1;
  const int no = 0;
  if (ipc) ::unlink(path);
  if (!ipc) ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (place.storage.ss_family == AF_INET6) {
    ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no);
  }
  if (::bind(fd, place.get(), place.length) != 0) return failed(fd, "listen on", address);
  if (ipc && access.group && ::chown(path, static_cast<uid_t>(-1), *access.group) != 0) {
    return failed(fd, "give its group to", address);
  }
  if (ipc && access.mode && ::chmod(path, *access.mode) != 0) {
    return failed(fd, "give its mode to", address);
  }
  if (::listen(fd, kListenBacklog) != 0) return failed(fd, "listen on", address);
  return fd;
}

Result<Address> address_of(int fd, const Address& asked) {
  if (asked.scheme() == Address::Scheme::ipc) return asked;
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &length) != 0) {
    return failed(-1, "find", asked);
  }
  const auto port = storage.ss_family == AF_INET6
                        ? reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_port
                        : reinterpret_cast<const sockaddr_in*>(&storage)->sin_port;
  const std::string host = asked.ip() == "*" ? "0.0.0.0" : asked.ip();
  return Address::parse(fmt::format("tcp://{}:{}", host, ntohs(port)));
}

Result<int> begin_to_connect(const Address& address) {
  const Place place = place_of(address);
  const int fd = ::socket(place.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return failed(fd, "make a socket for", address);
  if (::connect(fd, place.get(), place.length) != 0 && errno != EINPROGRESS) {
    return failed(fd, "connect to", address);
  }
  return fd;
}

}  // namespace xylem
