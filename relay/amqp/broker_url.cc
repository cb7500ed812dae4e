#include "relay/amqp/broker_url.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

#include "relay/base/log.h"

namespace xylem {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";
constexpr std::size_t kShortTextBytesMax = 255;  // of AMQP's names (0-9-1 §4.2.5.3)
// RabbitMQ's advice is five at least; below, a broker that is busy looks dead.
constexpr std::uint64_t kHeartbeatSecondsMin = 5;
constexpr std::uint64_t kHeartbeatSecondsMax = 65'535;
constexpr std::uint64_t kTimeoutMsMin = 100;
constexpr std::uint64_t kTimeoutMsMax = 60'000;
constexpr const char* kShape = "write amqp://user:password@host:5672/vhost, or amqps:// for TLS";
constexpr const char* kOneBroker =
    "names several brokers; a bridge has one: a name or a proxy in front of them all";
constexpr const char* kEscapes =
    "in a user or password write %40 for @, %3A for :, %2F for /, %3F for ?, %23 for # and %25 "
    "for %";

tl::unexpected<Error> wrong(std::string what) {
  return fail(ErrorCode::bad_address, std::move(what));
}

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) + 1 - begin);
}

// Takes what is before `mark` off `text`, and the mark; all of it if there is none.
std::string_view taken(std::string_view& text, char mark) {
  const std::string_view front = text.substr(0, text.find(mark));
  text.remove_prefix(std::min(front.size() + 1, text.size()));
  return front;
}

bool is_number(std::string_view text, std::uint64_t& number) {
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  return failure == std::errc{} && end == text.data() + text.size();
}

Result<std::string> decoded(std::string_view text, std::string_view part) {
  std::string out;
  while (!text.empty()) {
    char c = text.front();
    text.remove_prefix(1);
    if (c == '%') {
      unsigned value = 0;
      const char* const end = text.data() + std::min<std::size_t>(2, text.size());
      const auto [last, failure] = std::from_chars(text.data(), end, value, 16);
      if (failure != std::errc{} || last != text.data() + 2 || value == 0) {
        return wrong(fmt::format(
            "its {} has a % that two hex digits do not follow; a % itself is %25", part));
      }
      c = static_cast<char>(value);
      text.remove_prefix(2);
    }
    out += c;
  }
  return out;
}

// Where the password stands in the text: behind the first colon of what is before the last @. A
// slash ends the place for it only if a port stands before the slash: people forget to escape.
struct Place {
  std::size_t at = std::string_view::npos;
  std::size_t length = 0;
};

Place password_in(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return {};
  const std::size_t begin = scheme + 3;
  const std::size_t colon = url.find(':', begin);
  if (colon == std::string_view::npos) return {};
  const std::size_t slash = url.find('/', begin);
  std::uint64_t port = 0;
  const bool is_port = slash != std::string_view::npos && slash > colon &&
                       is_number(url.substr(colon + 1, slash - colon - 1), port);
  std::size_t end = url.rfind('@', slash);
  const bool before_slash = end != std::string_view::npos && end > colon;
  if (!before_slash && !is_port && slash > colon) end = url.rfind('@');
  if (end == std::string_view::npos || end < colon) return {};
  return {colon + 1, end - colon - 1};
}

Result<void> take_scheme(BrokerUrl& url, std::string_view& rest) {
  const std::size_t end = rest.find("://");
  if (end == std::string_view::npos) return wrong(fmt::format("has no scheme; {}", kShape));
  std::string scheme(rest.substr(0, end));
  rest.remove_prefix(end + 3);
  std::transform(scheme.begin(), scheme.end(), scheme.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  constexpr std::array kPlain{"amqp", "pyamqp", "librabbitmq"};
  url.tls = scheme == "amqps" || scheme == "pyamqps";
  if (url.tls || std::find(kPlain.begin(), kPlain.end(), scheme) != kPlain.end()) return {};
  return wrong(fmt::format("its scheme '{}' is none of amqp, amqps, pyamqp; {}",
                           printable(scheme, 16), kShape));
}

Result<void> take_login(BrokerUrl& url, std::string_view& authority) {
  url.user = url.password = "guest";
  const std::size_t end = authority.rfind('@');
  if (end == std::string_view::npos) return {};
  std::string_view login = authority.substr(0, end);
  authority.remove_prefix(end + 1);
  const bool has_password = login.find(':') != std::string_view::npos;
  const std::string_view user = taken(login, ':');
  if (!user.empty()) {
    XYLEM_TRY(url.user, decoded(user, "user"));
  }
  if (has_password) {
    XYLEM_TRY(url.password, decoded(login, "password"));
  }
  return {};
}

bool is_host_name(std::string_view host) {
  return std::all_of(host.begin(), host.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '.' || c == '_';
  });
}

Result<void> take_host(BrokerUrl& url, std::string_view authority) {
  if (authority.find(',') != std::string_view::npos) return wrong(kOneBroker);
  if (authority.starts_with('[')) {
    const std::size_t end = authority.find(']');
    XYLEM_TRY(url.host, decoded(authority.substr(1, end - 1), "host"));
    in6_addr address{};
    const std::string bare = url.host.substr(0, url.host.find('%'));  // its zone
    if (end == std::string_view::npos || ::inet_pton(AF_INET6, bare.c_str(), &address) != 1) {
      return wrong("its host is no IPv6 address in brackets; write [::1]");
    }
    authority.remove_prefix(end + 1);
  } else {
    const std::string_view host = authority.substr(0, authority.find(':'));
    XYLEM_TRY(url.host, decoded(host, "host"));
    if (!is_host_name(url.host)) {
      return wrong(
          "its host has a character that no host's name has; a host is letters, digits, "
          "- and ., or an IPv6 address in brackets");
    }
    authority.remove_prefix(host.size());
  }
  if (url.host.empty()) url.host = "localhost";  // as Kombu has it
  url.port = url.tls ? 5671 : 5672;
  if (authority.empty() || authority == ":") return {};
  std::uint64_t port = 0;
  if (!authority.starts_with(':') || !is_number(authority.substr(1), port) || port == 0 ||
      port > 65'535) {
    return wrong(fmt::format("its port is no number from 1 to 65535, or its host has a colon; {}",
                             kEscapes));
  }
  url.port = static_cast<int>(port);
  return {};
}

// As Celery writes it, what follows the first slash, others among it (kombu/utils/url.py).
Result<void> take_vhost(BrokerUrl& url, std::string_view path) {
  XYLEM_TRY(url.vhost, decoded(path, "vhost"));
  if (url.vhost.empty()) url.vhost = "/";
  if (url.vhost.size() > kShortTextBytesMax) return wrong("its vhost is longer than 255 bytes");
  return {};
}

Result<std::int64_t> count_of(std::string_view name, std::string_view value, std::uint64_t least,
                              std::uint64_t most, const char* unit) {
  std::uint64_t number = 0;
  if (!is_number(value, number) || number < least || number > most) {
    return wrong(fmt::format("its {} must be from {} to {} {}", name, least, most, unit));
  }
  return static_cast<std::int64_t>(number);
}

// https://www.rabbitmq.com/uri-query-parameters.html
Result<void> take_parameter(BrokerUrl& url, std::string_view name, const std::string& value) {
  if (name == "heartbeat") {
    XYLEM_TRY(const std::int64_t number,
              count_of(name, value, kHeartbeatSecondsMin, kHeartbeatSecondsMax, "seconds"));
    url.heartbeat = std::chrono::seconds(number);
  } else if (name == "connection_timeout") {
    XYLEM_TRY(const std::int64_t number,
              count_of(name, value, kTimeoutMsMin, kTimeoutMsMax, "milliseconds"));
    url.connection_timeout = std::chrono::milliseconds(number);
  } else if (name == "verify") {
    if (value != "verify_peer" && value != "verify_none") {
      return wrong("its verify is neither verify_peer nor verify_none");
    }
    url.verify = value == "verify_peer";
  } else if (name == "auth_mechanism") {
    if (value != "plain" && value != "PLAIN") {
      return wrong("its auth_mechanism is not plain, by which alone a bridge logs in");
    }
  } else if (name == "cacertfile") {
    url.ca_file = value;
  } else if (name == "certfile") {
    url.cert_file = value;
  } else if (name == "keyfile") {
    url.key_file = value;
  } else if (name == "server_name_indication") {
    if (!is_host_name(value) || value.empty()) {
      return wrong("its server_name_indication is no host's name");
    }
    url.server_name = value;
  } else if (name != "channel_max" && name != "fail_if_no_peer_cert") {
    // Those two mean nothing to one who has one channel and is no server.
    return wrong(fmt::format(
        "its parameter '{}' is not one that a bridge knows: heartbeat, connection_timeout, verify, "
        "cacertfile, certfile, keyfile, server_name_indication, auth_mechanism, channel_max",
        printable(name, 40)));
  }
  return {};
}

Result<void> take_query(BrokerUrl& url, std::string_view query) {
  while (!query.empty()) {
    std::string_view one = taken(query, '&');
    const std::string_view name = taken(one, '=');
    XYLEM_TRY(const std::string value, decoded(one, "query"));
    if (name.empty() && value.empty()) continue;
    if (auto done = take_parameter(url, name, value); !done) return done;
  }
  return {};
}

}  // namespace

Result<BrokerUrl> BrokerUrl::parse(std::string_view text) {
  std::string_view rest = trimmed(text);
  const auto is_bad = [](unsigned char c) { return c <= ' ' || c == 0x7f; };
  if (std::any_of(rest.begin(), rest.end(), is_bad)) {
    return wrong("has a blank, a line end or a control character in it; a blank is written %20");
  }
  const std::size_t next = rest.find(';');
  if (next != std::string_view::npos && rest.find("://", next) != std::string_view::npos) {
    return wrong(kOneBroker);
  }
  BrokerUrl url;
  if (auto done = take_scheme(url, rest); !done) return tl::unexpected(done.error());
  std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
  rest.remove_prefix(authority.size());
  std::string_view before_query = taken(rest, '?');
  const std::string_view query = rest;
  if (before_query.find('#') != std::string_view::npos ||
      query.find('#') != std::string_view::npos) {
    return wrong(fmt::format("has a #, where nothing is; {}", kEscapes));
  }
  if (auto done = take_login(url, authority); !done) return tl::unexpected(done.error());
  if (auto done = take_host(url, authority); !done) return tl::unexpected(done.error());
  before_query.remove_prefix(std::min<std::size_t>(1, before_query.size()));  // its slash
  if (auto done = take_vhost(url, before_query); !done) return tl::unexpected(done.error());
  if (auto done = take_query(url, query); !done) return tl::unexpected(done.error());
  return url;
}

std::string BrokerUrl::text() const {
  const bool v6 = host.find(':') != std::string::npos;
  return fmt::format("{}://{}@{}{}{}:{}/{}", tls ? "amqps" : "amqp", printable(user), v6 ? "[" : "",
                     host, v6 ? "]" : "", port, vhost == "/" ? "" : printable(vhost));
}

// By its address, not by how a name begins: 127.example.com is anywhere.
bool BrokerUrl::is_loopback() const {
  in_addr v4{};
  if (::inet_pton(AF_INET, host.c_str(), &v4) == 1) return ntohl(v4.s_addr) >> 24 == 127;
  in6_addr v6{};
  if (::inet_pton(AF_INET6, host.c_str(), &v6) == 1) return IN6_IS_ADDR_LOOPBACK(&v6);
  return host == "localhost";
}

bool says_password(std::string_view url) { return password_in(url).at != std::string_view::npos; }

std::string without_password(std::string_view url) {
  std::string text(url);
  const Place place = password_in(url);
  if (place.at != std::string_view::npos) text.replace(place.at, place.length, "***");
  return text;
}

}  // namespace xylem
