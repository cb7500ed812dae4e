#include "relay/amqp/broker_url.h"

#include <amqp.h>
#include <fmt/format.h>

namespace xylem {
namespace {

// Where the password stands in the text: behind the first colon of what is before the last @ of the
// authority.
struct Place {
  std::size_t at = std::string_view::npos;
  std::size_t length = 0;
};

Place password_in(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return {};
  const std::size_t begin = scheme + 3;
  const std::size_t end = url.rfind('@', url.find('/', begin));
  if (end == std::string_view::npos || end < begin) return {};
  const std::size_t colon = url.find(':', begin);
  if (colon == std::string_view::npos || colon >= end) return {};
  return {colon + 1, end - colon - 1};
}

// Celery writes the vhost "/" as it is, amqp://host//, where the library wants %2F.
std::string with_escaped_vhost(std::string_view url) {
  std::string text(url);
  const std::size_t scheme = text.find("://");
  if (scheme == std::string::npos) return text;
  const std::size_t path = text.find('/', scheme + 3);
  if (path == std::string::npos) return text;
  for (std::size_t at; (at = text.find('/', path + 1)) != std::string::npos;) {
    text.replace(at, 1, "%2F");
  }
  return text;
}

}  // namespace

Result<BrokerUrl> BrokerUrl::parse(std::string_view text) {
  std::string copy = with_escaped_vhost(text);  // the library takes it apart in place
  amqp_connection_info parsed{};
  amqp_default_connection_info(&parsed);
  if (amqp_parse_url(copy.data(), &parsed) != AMQP_STATUS_OK) {
    return fail(ErrorCode::bad_address,
                "is not an AMQP address; write amqp://user:password@host:5672/vhost, amqps:// for "
                "TLS, with %40 for an @ in a name");
  }
  BrokerUrl url{parsed.host, parsed.port,     parsed.ssl != 0,
                parsed.user, parsed.password, parsed.vhost};
  if (url.vhost.empty()) url.vhost = "/";
  if (url.host.empty()) return fail(ErrorCode::bad_address, "names no host");
  return url;
}

std::string BrokerUrl::text() const {
  const bool v6 = host.find(':') != std::string::npos;
  return fmt::format("{}://{}@{}{}{}:{}/{}", tls ? "amqps" : "amqp", user, v6 ? "[" : "", host,
                     v6 ? "]" : "", port, vhost == "/" ? "" : vhost);
}

bool BrokerUrl::is_loopback() const {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

bool says_password(std::string_view url) { return password_in(url).at != std::string_view::npos; }

std::string without_password(std::string_view url) {
  std::string text(url);
  const Place place = password_in(url);
  if (place.at != std::string_view::npos) text.replace(place.at, place.length, "***");
  return text;
}

}  // namespace xylem
