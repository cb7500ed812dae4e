#include "bench/peers/tcp_stream.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "relay/transport/address.h"

namespace xylem::peers {

std::unique_ptr<TcpStream> TcpStream::connect(const std::string& endpoint) {
  const auto address = Address::parse(endpoint);
  if (!address || address->scheme() != Address::Scheme::tcp) return nullptr;
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(address->port());
  if (::inet_pton(AF_INET, address->host().c_str(), &to.sin_addr) != 1) return nullptr;
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  auto stream = std::make_unique<TcpStream>(fd);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) return nullptr;
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::fcntl(fd, F_SETFL, O_NONBLOCK);
  return stream;
}

TcpStream::~TcpStream() { ::close(fd_); }

void TcpStream::append_number(std::size_t number) {
  std::array<char, 20> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out_.append(digits.data(), end);
}

bool TcpStream::send_some() {
  while (sent_ < out_.size()) {
    const auto sent = ::send(fd_, out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return errno == EAGAIN;
    sent_ += static_cast<std::size_t>(sent);
  }
  out_.clear();
  sent_ = 0;
  return true;
}

void TcpStream::wait(Duration timeout, bool to_send) {
  pollfd wait{fd_, static_cast<short>(to_send ? POLLIN | POLLOUT : POLLIN), 0};
  ::poll(&wait, 1,
         static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(timeout).count()));
}

bool TcpStream::read_some() {
  if (begin_ != 0) {
    std::memmove(in_.data(), in_.data() + begin_, end_ - begin_);
    end_ -= std::exchange(begin_, 0);
  }
  if (end_ == in_.size()) in_.resize(in_.size() * 2);  // one message, larger than all of it
  const auto got = ::recv(fd_, in_.data() + end_, in_.size() - end_, 0);
  if (got > 0) end_ += static_cast<std::size_t>(got);
  ended_ = got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
  return got > 0;
}

}  // namespace xylem::peers
