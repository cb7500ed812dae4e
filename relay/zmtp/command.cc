#include "relay/zmtp/command.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "relay/zmtp/frame_header.h"

namespace xylem::zmtp {
namespace {

std::uint64_t big_endian(std::string_view octets) {
  std::uint64_t value = 0;
  for (const char octet : octets) value = value << 8 | static_cast<unsigned char>(octet);
  return value;
}

// Takes `count` octets from the front of `rest`; nothing if they are not there.
std::optional<std::string_view> take(std::string_view& rest, std::uint64_t count) {
  if (rest.size() < count) return std::nullopt;
  const std::string_view taken = rest.substr(0, count);
  rest.remove_prefix(count);
  return taken;
}

std::optional<std::string_view> take_sized(std::string_view& rest, std::size_t size_octets) {
  const auto size = take(rest, size_octets);
  return size ? take(rest, big_endian(*size)) : std::nullopt;
}

// Names of properties are compared in any case (RFC 37).
bool is_named(std::string_view name, std::string_view wanted) {
  return std::equal(name.begin(), name.end(), wanted.begin(), wanted.end(), [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) ==
           std::tolower(static_cast<unsigned char>(b));
  });
}

tl::expected<Command, Violation> read_ready(std::string_view rest) {
  Ready ready;
  while (!rest.empty()) {
    const auto name = take_sized(rest, 1);
    const auto value = name ? take_sized(rest, 4) : std::nullopt;
    if (!value || name->empty()) return tl::unexpected(Violation::malformed_ready);
    if (is_named(*name, "Socket-Type")) {
      ready.type = socket_type_of(*value);
      if (!ready.type) return tl::unexpected(Violation::wrong_socket_type);
    } else if (is_named(*name, "Identity")) {
      ready.identity = *value;
    }
  }
  if (ready.identity.size() > kIdentityBytesMax || ready.identity.starts_with('\0')) {
    return tl::unexpected(Violation::bad_identity);
  }
  return ready;
}

tl::expected<Command, Violation> read_ping(std::string_view rest) {
  const auto ttl = take(rest, 2);
  if (!ttl || rest.size() > kPingContextBytesMax) {
    return tl::unexpected(Violation::malformed_command);
  }
  return Ping{static_cast<std::uint16_t>(big_endian(*ttl)), rest};
}

void put_header(std::string& out, bool command, std::size_t body_bytes) {
  std::array<std::byte, kFrameHeaderBytesMax> header;
  const std::size_t length = write_frame_header(header, {false, command, body_bytes, 0});
  out.append(reinterpret_cast<const char*>(header.data()), length);
}

// A command frame of this name, up to where its own part of `rest_bytes` begins.
void begin_command(std::string& out, std::string_view name, std::size_t rest_bytes) {
  put_header(out, true, 1 + name.size() + rest_bytes);
  out += static_cast<char>(name.size());
  out += name;
}

void put_property(std::string& out, std::string_view name, std::string_view value) {
  out += static_cast<char>(name.size());
  out += name;
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value.size() >> shift);
  out += value;
}

}  // namespace

tl::expected<Command, Violation> read_command(std::span<const std::byte> body) {
  std::string_view rest(reinterpret_cast<const char*>(body.data()), body.size());
  const auto name = take_sized(rest, 1);
  if (!name) return tl::unexpected(Violation::malformed_command);
  if (*name == "READY") return read_ready(rest);
  if (*name == "SUBSCRIBE") return Subscribe{rest};
  if (*name == "CANCEL") return Cancel{rest};
  if (*name == "PING") return read_ping(rest);
  if (*name == "PONG") return Pong{};
  return OtherCommand{};
}

void write_ready(std::string& out, SocketType type, std::string_view identity) {
  std::string properties;
  put_property(properties, "Socket-Type", name_of(type));
  if (says_its_identity(type)) put_property(properties, "Identity", identity);
  begin_command(out, "READY", properties.size());
  out += properties;
}

void write_subscription(std::string& out, bool wanted, std::string_view prefix) {
  begin_command(out, wanted ? "SUBSCRIBE" : "CANCEL", prefix.size());
  out += prefix;
}

void write_old_subscription(std::string& out, bool wanted, std::string_view prefix) {
  put_header(out, false, 1 + prefix.size());
  out += wanted ? '\1' : '\0';
  out += prefix;
}

void write_ping(std::string& out, std::uint16_t ttl_tenths) {
  begin_command(out, "PING", 2);
  out += static_cast<char>(ttl_tenths >> 8);
  out += static_cast<char>(ttl_tenths & 0xFF);
}

void write_pong(std::string& out, std::string_view context) {
  begin_command(out, "PONG", context.size());
  out += context;
}

}  // namespace xylem::zmtp
