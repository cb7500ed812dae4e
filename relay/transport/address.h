#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "relay/base/result.h"

namespace xylem {

// Where an endpoint listens or connects: tcp://HOST:PORT, ipc://PATH or http://HOST:PORT. HOST is
// an IPv4 address, a name, `*`, or an IPv6 address in brackets. PORT may be 0 where one listens:
// the system then chooses. Immutable value.
class Address {
 public:
  enum class Scheme { tcp, ipc, http };

  // Errors: bad_address, saying what is missing.
  static Result<Address> parse(std::string_view text);

  [[nodiscard]] Scheme scheme() const { return scheme_; }
  [[nodiscard]] const std::string& host() const { return host_; }  // ipc: the path
  [[nodiscard]] std::uint16_t port() const { return port_; }
  // True if only this machine can reach it: ipc, localhost, 127.0.0.0/8, [::1].
  [[nodiscard]] bool is_local() const;
  [[nodiscard]] std::string text() const;

  friend bool operator==(const Address&, const Address&) = default;

 private:
  Scheme scheme_ = Scheme::tcp;
  std::string host_;
  std::uint16_t port_ = 0;
};

}  // namespace xylem
