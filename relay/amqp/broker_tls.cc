#include "relay/amqp/broker_tls.h"

#include <amqp.h>
#include <amqp_ssl_socket.h>
#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>
#include <cstring>
#include <ctime>
#include <memory>
#include <vector>

#include "relay/base/log.h"

namespace xylem {
namespace {

constexpr const char* kSystemTrust = "/etc/ssl/certs/ca-certificates.crt";
constexpr std::size_t kNamesSaid = 5;

template <auto release>
struct Released {
  template <class T>
  void operator()(T* held) const {
    release(held);
  }
};

std::string openssl_words() {
  const unsigned long code = ERR_peek_last_error();
  if (code == 0) return "for no reason that OpenSSL says";
  if (ERR_SYSTEM_ERROR(code)) return std::strerror(ERR_GET_REASON(code));
  const char* words = ERR_reason_error_string(code);
  return words == nullptr ? fmt::format("OpenSSL error {:x}", code) : words;
}

std::string name_of(const X509_NAME* name) {
  std::array<char, 256> text{};
  X509_NAME_get_text_by_NID(const_cast<X509_NAME*>(name), NID_commonName, text.data(),
                            static_cast<int>(text.size()));
  return text.front() == 0 ? "without a name" : printable(text.data());
}

std::string time_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return "a time that is none";
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02} UTC", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min);
}

std::string text_of(const ASN1_STRING* text) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<std::size_t>(ASN1_STRING_length(text))};
}

// Whom it is for, as "DNS:rabbit.example, IP:10.0.0.1".
std::string names_in(X509* certificate) {
  std::vector<std::string> names;
  std::unique_ptr<GENERAL_NAMES, Released<GENERAL_NAMES_free>> all(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  const int count = all ? sk_GENERAL_NAME_num(all.get()) : 0;
  for (int i = 0; i < count && names.size() < kNamesSaid; ++i) {
    const GENERAL_NAME* one = sk_GENERAL_NAME_value(all.get(), i);
    if (one->type == GEN_DNS) {
      names.push_back("DNS:" + printable(text_of(one->d.dNSName)));
    } else if (one->type == GEN_IPADD) {
      const std::string bytes = text_of(one->d.iPAddress);
      std::array<char, INET6_ADDRSTRLEN> text{};
      const int family = bytes.size() == 4 ? AF_INET : AF_INET6;
      if (bytes.size() != 4 && bytes.size() != 16) continue;
      if (::inet_ntop(family, bytes.data(), text.data(), text.size()) != nullptr) {
        names.push_back(fmt::format("IP:{}", text.data()));
      }
    }
  }
  if (names.empty()) names.push_back("CN:" + name_of(X509_get_subject_name(certificate)));
  return fmt::format("{}", fmt::join(names, ", "));
}

bool is_address(const std::string& host) {
  in6_addr place{};
  return ::inet_pton(AF_INET, host.c_str(), &place) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), &place) == 1;
}

std::string distrust(X509_STORE_CTX* store, const TlsOptions& options) {
  X509* certificate = X509_STORE_CTX_get_current_cert(store);
  const int code = X509_STORE_CTX_get_error(store);
  if (certificate == nullptr) return X509_verify_cert_error_string(code);
  const std::string whose =
      fmt::format("{} certificate ({})",
                  X509_STORE_CTX_get_error_depth(store) == 0 ? "the broker's" : "its authority's",
                  name_of(X509_get_subject_name(certificate)));
  const std::string trusted =
      options.ca_file.empty() ? "those that the system trusts" : "amqp.ca_file";
  switch (code) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return fmt::format("{} expired at {}", whose, time_of(X509_get0_notAfter(certificate)));
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return fmt::format("{} is not valid before {}; is this machine's clock right?", whose,
                         time_of(X509_get0_notBefore(certificate)));
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return fmt::format("{} is not for {}, only for {}", whose, options.server_name,
                         names_in(certificate));
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return fmt::format("{} is signed by itself, and is not one of {}", whose, trusted);
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      return fmt::format("{} is signed by an unknown authority ({}), none of {}", whose,
                         name_of(X509_get_issuer_name(certificate)), trusted);
    default: return fmt::format("{}: {}", whose, X509_verify_cert_error_string(code));
  }
}

}  // namespace

struct TlsCallbacks {
  static BrokerTls& of(const SSL* ssl) {
    return *static_cast<BrokerTls*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  }

  static int verify(int fine, X509_STORE_CTX* store) {
    if (fine == 1) return 1;
    BrokerTls& tls = of(static_cast<const SSL*>(
        X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx())));
    if (tls.distrust_.empty()) tls.distrust_ = distrust(store, tls.options_);
    return 0;
  }

  // librabbitmq asks for the host that it was to connect to, which is a number here; a number is
  // asked for by nobody (RFC 6066 §3).
  static void at_handshake(const SSL* ssl, int where, int) {
    if ((where & SSL_CB_HANDSHAKE_START) == 0) return;
    const std::string& name = of(ssl).options_.server_name;
    const char* asked = is_address(name) ? nullptr : name.c_str();
    SSL_set_tlsext_host_name(const_cast<SSL*>(ssl), const_cast<char*>(asked));
  }

  // A key with a passphrase would be asked for on the terminal.
  static int no_passphrase(char*, int, int, void*) { return 0; }
};

Result<void> BrokerTls::prepare(amqp_socket_t_* socket) {
  // librabbitmq's own checks come after OpenSSL's, which are stricter.
  amqp_ssl_socket_set_verify_peer(socket, 0);
  amqp_ssl_socket_set_verify_hostname(socket, 0);
  auto* context = static_cast<SSL_CTX*>(amqp_ssl_socket_get_context(socket));
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_app_data(context, this);
  SSL_CTX_set_info_callback(context, TlsCallbacks::at_handshake);
  SSL_CTX_set_default_passwd_cb(context, TlsCallbacks::no_passphrase);
  ERR_clear_error();
  if (options_.verify) {
    const std::string trust = options_.ca_file.empty() ? kSystemTrust : options_.ca_file;
    if (SSL_CTX_load_verify_locations(context, trust.c_str(), nullptr) != 1) {
      return fail(ErrorCode::io,
                  fmt::format("cannot read the certificates of {}: {}", trust, openssl_words()));
    }
    X509_VERIFY_PARAM* wanted = SSL_CTX_get0_param(context);
    const std::string& name = options_.server_name;
    X509_VERIFY_PARAM_set_hostflags(wanted, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    is_address(name) ? X509_VERIFY_PARAM_set1_ip_asc(wanted, name.c_str())
                     : X509_VERIFY_PARAM_set1_host(wanted, name.data(), name.size());
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, TlsCallbacks::verify);
  }
  if (options_.cert_file.empty()) return {};
  if (SSL_CTX_use_certificate_chain_file(context, options_.cert_file.c_str()) != 1) {
    return fail(ErrorCode::io, fmt::format("cannot use the certificate {}: {}", options_.cert_file,
                                           openssl_words()));
  }
  if (SSL_CTX_use_PrivateKey_file(context, options_.key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    return fail(ErrorCode::io,
                fmt::format("cannot use the key {}, which must be PEM without a passphrase and the "
                            "certificate's: {}",
                            options_.key_file, openssl_words()));
  }
  return {};
}

std::optional<Error> BrokerTls::why() const {
  if (!distrust_.empty()) return Error{ErrorCode::refused, distrust_};
  const unsigned long code = ERR_peek_last_error();
  if (code == 0) return std::nullopt;
  const std::string words = openssl_words();
  if (ERR_GET_LIB(code) != ERR_LIB_SSL) return Error{ErrorCode::io, "TLS: " + words};
  switch (ERR_GET_REASON(code)) {
    case SSL_R_WRONG_VERSION_NUMBER:
      return Error{ErrorCode::refused,
                   "what listens there speaks no TLS (RabbitMQ's port for it is 5671, if it is "
                   "turned on)"};
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
      return Error{ErrorCode::refused,
                   "the broker wants a certificate of ours; set amqp.cert_file and amqp.key_file"};
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
      return Error{ErrorCode::refused, "the broker does not know who signed amqp.cert_file"};
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
      return Error{ErrorCode::refused, "the broker says that amqp.cert_file has expired"};
    default: return Error{ErrorCode::io, "TLS: " + words};
  }
}

}  // namespace xylem
