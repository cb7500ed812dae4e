#include "relay/amqp/host_lookup.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

namespace xylem {
namespace {

double seconds_of(Duration duration) { return std::chrono::duration<double>(duration).count(); }

std::string errno_words(int error) { return std::generic_category().message(error); }

std::vector<HostAddress> addresses_of(const addrinfo* found, int port) {
  std::vector<HostAddress> all;
  for (; found != nullptr; found = found->ai_next) {
    HostAddress one;
    one.length = found->ai_addrlen;
    one.port = port;
    std::copy_n(reinterpret_cast<const char*>(found->ai_addr), found->ai_addrlen,
                reinterpret_cast<char*>(&one.address));
    std::array<char, NI_MAXHOST> host{};
    const int failed = ::getnameinfo(found->ai_addr, found->ai_addrlen, host.data(), host.size(),
                                     nullptr, 0, NI_NUMERICHOST);
    if (failed == 0) one.host = host.data();
    all.push_back(std::move(one));
  }
  return all;
}

}  // namespace

std::string HostAddress::text() const {
  const bool v6 = host.find(':') != std::string::npos;
  return fmt::format("{}{}{}:{}", v6 ? "[" : "", host, v6 ? "]" : "", port);
}

// Stays where it is while the C library has it.
struct HostLookup::Question {
  Question(const std::string& name, int number) : host(name), service(std::to_string(number)) {
    hints.ai_socktype = SOCK_STREAM;
    request.ar_name = host.c_str();
    request.ar_service = service.c_str();
    request.ar_request = &hints;
  }
  ~Question() {
    if (request.ar_result != nullptr) ::freeaddrinfo(request.ar_result);
  }
  Question(const Question&) = delete;
  Question& operator=(const Question&) = delete;

  std::string host;
  std::string service;
  addrinfo hints{};
  gaicb request{};
};

HostLookup::HostLookup() = default;

// What cannot be called back is left to the C library, which writes to it when the answer comes.
HostLookup::~HostLookup() {
  if (asked_ && ::gai_cancel(&asked_->request) == EAI_NOTCANCELED) {
    static_cast<void>(asked_.release());
  }
}

Result<std::vector<HostAddress>> HostLookup::find(const std::string& host, int port,
                                                  Duration patience) {
  if (!asked_) {
    asked_ = std::make_unique<Question>(host, port);
    gaicb* list[] = {&asked_->request};
    if (const int failed = ::getaddrinfo_a(GAI_NOWAIT, list, 1, nullptr); failed != 0) {
      asked_.reset();
      return fail(ErrorCode::io,
                  fmt::format("cannot look {} up: {}", host, ::gai_strerror(failed)));
    }
  }
  const gaicb* list[] = {&asked_->request};
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(patience);
  const timespec timeout{seconds.count(), (patience - seconds).count()};
  while (::gai_suspend(list, 1, &timeout) == EAI_INTR) {
  }
  const int answer = ::gai_error(&asked_->request);
  if (answer == EAI_INPROGRESS) {
    return fail(ErrorCode::timed_out,
                fmt::format("cannot look {} up: no name server has answered for {:.3g} s", host,
                            seconds_of(patience)));
  }
  // It knows questions by where they are, and forgets one a moment after its answer: another in the
  // same place would be taken for it.
  while (::gai_cancel(&asked_->request) == EAI_NOTCANCELED) ::sched_yield();
  const std::unique_ptr<Question> answered = std::move(asked_);
  if (answer != 0) {
    const std::string words = answer == EAI_SYSTEM ? errno_words(errno) : ::gai_strerror(answer);
    return fail(ErrorCode::io, fmt::format("cannot look {} up: {}", host, words));
  }
  return addresses_of(answered->request.ar_result, port);
}

Result<int> connect_to(const HostAddress& address, Duration patience) {
  const auto failed = [&](int error) {
    return fail(ErrorCode::io, fmt::format("{}: {}", address.text(), errno_words(error)));
  };
  const int fd = ::socket(address.address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return failed(errno);
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  int error = 0;
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address.address), address.length) != 0) {
    error = errno;
  }
  if (error == EINPROGRESS) {
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(patience).count();
    pollfd wait{fd, POLLOUT, 0};
    if (::poll(&wait, 1, static_cast<int>(ms)) == 1) {
      socklen_t size = sizeof error;
      if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
    } else {
      ::close(fd);
      return fail(ErrorCode::timed_out,
                  fmt::format("{}: no answer for {:.3g} s", address.text(), seconds_of(patience)));
    }
  }
  if (error == 0) return fd;
  ::close(fd);
  return failed(error);
}

}  // namespace xylem
