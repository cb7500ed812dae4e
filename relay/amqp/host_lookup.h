#pragma once

#include <sys/socket.h>

#include <memory>
#include <string>
#include <vector>

#include "relay/base/clock.h"
#include "relay/base/result.h"

namespace xylem {

// One of the places where a host is.
struct HostAddress {
  sockaddr_storage address{};
  socklen_t length = 0;
  std::string host;  // as a number: "127.0.0.1", "::1"
  int port = 0;

  [[nodiscard]] std::string text() const;  // 127.0.0.1:5672, [::1]:5672
};

// Asks the system where a host is, and waits no longer than it is told to: the question is asked on
// a thread of the C library's (getaddrinfo_a(3)), because a name server that does not answer holds
// whoever asks. One question at a time. One owner thread.
class HostLookup {
 public:
  HostLookup();
  ~HostLookup();
  HostLookup(const HostLookup&) = delete;
  HostLookup& operator=(const HostLookup&) = delete;

  // Errors: timed_out, and the question goes on, for the next call to wait for; io, with the
  // resolver's words.
  [[nodiscard]] Result<std::vector<HostAddress>> find(const std::string& host, int port,
                                                      Duration patience);

 private:
  struct Question;
  std::unique_ptr<Question> asked_;
};

// A socket that is connected and does not block; its owner closes it. Errors: timed_out; io, with
// errno's words.
[[nodiscard]] Result<int> connect_to(const HostAddress& address, Duration patience);

}  // namespace xylem
