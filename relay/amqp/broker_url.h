#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "relay/base/clock.h"
#include "relay/base/result.h"

namespace xylem {

// Where a broker is and as whom to log in: amqp://user:password@host:port/vhost?name=value, or
// amqps:// for TLS, as RabbitMQ's URI specification has it and as Celery writes it (pyamqp://).
// What is not said is RabbitMQ's default: guest, guest, 5672 (5671 with TLS), "/". As with Celery
// an empty vhost is "/" too.
struct BrokerUrl {
  std::string host;
  int port = 0;
  bool tls = false;
  std::string user;
  std::string password;
  std::string vhost;
  // What its query says; unset or empty: not said.
  std::optional<Duration> heartbeat;           // heartbeat, seconds
  std::optional<Duration> connection_timeout;  // connection_timeout, milliseconds
  std::optional<bool> verify;                  // verify_peer or verify_none
  std::string ca_file;                         // cacertfile
  std::string cert_file;                       // certfile
  std::string key_file;                        // keyfile
  std::string server_name;                     // server_name_indication

  // Blanks and line ends around it mean nothing. Errors: bad_address, which part is wrong and what
  // would be right, never repeating user or password.
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
