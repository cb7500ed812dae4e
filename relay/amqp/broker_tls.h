#pragma once

#include <optional>
#include <string>

#include "relay/base/result.h"

struct amqp_socket_t_;

namespace xylem {

// How a broker's certificate is held against its name, and what ours is.
struct TlsOptions {
  std::string server_name;  // a host's name, or its address as a number
  std::string ca_file;      // whom to trust; empty: those whom the system trusts
  std::string cert_file;    // our own certificate and its key, if the broker asks
  std::string key_file;
  bool verify = true;
};

// What OpenSSL is to do on a TLS socket of librabbitmq's, and why it did not. librabbitmq itself
// knows no addresses in certificates and forgets the reasons (0.11, amqp_openssl.c). One owner
// thread; must outlive the socket, and stays where it is.
class BrokerTls {
 public:
  explicit BrokerTls(TlsOptions options) : options_(std::move(options)) {}
  BrokerTls(const BrokerTls&) = delete;
  BrokerTls& operator=(const BrokerTls&) = delete;

  // Errors: io, which file cannot be used and why.
  [[nodiscard]] Result<void> prepare(amqp_socket_t_* socket);
  // After a call to librabbitmq failed: why, or nothing if it was not for TLS.
  [[nodiscard]] std::optional<Error> why() const;

 private:
  friend struct TlsCallbacks;

  TlsOptions options_;
  std::string distrust_;  // what is wrong with the broker's certificate
};

}  // namespace xylem
