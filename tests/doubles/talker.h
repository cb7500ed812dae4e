#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <string_view>

#include "relay/transport/address.h"

namespace xylem::testing {

// One TCP connection to a server on this machine, whose other end has its own ideas of HTTP.
class Talker {
 public:
  explicit Talker(const Address& address) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(address.port());
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval patience{10, 0};  // only ever waited out by a test that fails
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    const int little = 4096;  // so that an answer that is not read soon fills its way
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &little, sizeof little);
    connected_ = ::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
  }
  ~Talker() { ::close(fd_); }
  Talker(const Talker&) = delete;
  Talker& operator=(const Talker&) = delete;

  bool say(std::string_view text) {
    return connected_ &&
           ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
  }
  void say_no_more() { ::shutdown(fd_, SHUT_WR); }
  // What comes until `end` has come, or the other side has closed.
  std::string hear(std::string_view end = {}) {
    std::string heard;
    std::array<char, 4096> some{};
    while (end.empty() || heard.find(end) == std::string::npos) {
      const ssize_t got = ::recv(fd_, some.data(), some.size(), 0);
      if (got < 0 && errno != ECONNRESET) ADD_FAILURE() << "nothing came for 10 s: " << heard;
      if (got <= 0) break;
      heard.append(some.data(), static_cast<std::size_t>(got));
    }
    return heard;
  }

 private:
  int fd_;
  bool connected_ = false;
};

}  // namespace xylem::testing
