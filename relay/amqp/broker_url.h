#pragma once

#include <string>
#include <string_view>

#include "relay/base/result.h"

namespace xylem {

// Where a broker is and as whom to log in: amqp://user:password@host:port/vhost, or amqps:// for
// TLS. What is not said is RabbitMQ's default: guest, guest, 5672 (5671 with TLS), "/". As with
// Celery an empty vhost is "/" too.
struct BrokerUrl {
  std::string host;
  int port = 0;
  bool tls = false;
  std::string user;
  std::string password;
  std::string vhost;

  // Errors: bad_address, never repeating the text, which may hold a password.
  [[nodiscard]] static Result<BrokerUrl> parse(std::string_view text);
  // For logs and metrics: no password.
  [[nodiscard]] std::string text() const;
  // On this machine, so that nobody listens in.
  [[nodiscard]] bool is_loopback() const;
};

// Whether a URL says a password; for those who must not show it.
[[nodiscard]] bool says_password(std::string_view url);
// The same URL with three stars for its password.
[[nodiscard]] std::string without_password(std::string_view url);

}  // namespace xylem
