#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "relay/base/result.h"

namespace xylem {

// Where an endpoint listens or connects: tcp://HOST:PORT, ipc://PATH or http://HOST:PORT. HOST is
// an IPv4 address, an IPv6 address in brackets, a name, or, to listen on all, `*`. PORT may be 0
// where one listens: the system then chooses. Immutable value; lookup.h finds what a name means.
class Address {
 public:
  enum class Scheme { tcp, ipc, http };

  // Errors: bad_address, saying what is missing.
  static Result<Address> parse(std::string_view text);

  [[nodiscard]] Scheme scheme() const { return scheme_; }
  [[nodiscard]] const std::string& host() const { return host_; }  // ipc: the path
  [[nodiscard]] std::uint16_t port() const { return port_; }
  // HOST is a name, of a machine or of a network interface.
  [[nodiscard]] bool is_name() const;
  // What its name was looked up as (an IPv6 address in brackets), else host().
  [[nodiscard]] const std::string& ip() const { return ip_.empty() ? host_ : ip_; }
  // ip() without brackets, as calls take it that have the port apart; `every` for `*`.
  [[nodiscard]] std::string bare_ip(std::string_view every) const;
  [[nodiscard]] bool is_looked_up() const { return !ip_.empty(); }
  [[nodiscard]] Address looked_up_as(std::string ip) const;
  // Errors: bad_address, for what cannot mean one relay: http, `*`, port 0.
  [[nodiscard]] Result<void> can_be_connected_to() const;
  // True if only this machine can reach it: ipc, localhost, 127.0.0.0/8, [::1].
  [[nodiscard]] bool is_local() const;
  [[nodiscard]] std::string text() const;
  // The same with ip() for the name, for a system call.
  [[nodiscard]] std::string endpoint() const;

  friend bool operator==(const Address&, const Address&) = default;

 private:
  Scheme scheme_ = Scheme::tcp;
  std::string host_;
  std::string ip_;
  std::uint16_t port_ = 0;
};

}  // namespace xylem
