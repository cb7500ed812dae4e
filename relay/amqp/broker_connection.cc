#include "relay/amqp/broker_connection.h"

#include <amqp.h>
#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <vector>

#include "relay/amqp/broker_tls.h"
#include "relay/amqp/frame_reader.h"
#include "relay/amqp/host_lookup.h"
#include "relay/base/log.h"
#include "relay/base/version.h"

namespace xylem {
namespace {

constexpr int kFrameBytesMax = 131'072;  // RabbitMQ's own default
constexpr int kChannelsMax = 64;         // numbers of which a life uses one after the other
constexpr int kSendBufferBytes = 1 << 20;
constexpr unsigned kUnackedMs = 15'000;   // then the kernel gives a dead peer up
constexpr std::size_t kAddressesMax = 4;  // of a host, which are tried in turn
constexpr std::int64_t kQueueExpiresMs = 24 * 3600 * 1000;
constexpr std::uint16_t kNotFound = 404;
constexpr std::uint16_t kPreconditionFailed = 406;

amqp_table_entry_t entry_of(const char* key, bool value) {
  amqp_table_entry_t entry{};
  entry.key = amqp_cstring_bytes(key);
  entry.value.kind = AMQP_FIELD_KIND_BOOLEAN;
  entry.value.value.boolean = value ? 1 : 0;
  return entry;
}
amqp_table_entry_t entry_of(const char* key, std::string_view value) {
  amqp_table_entry_t entry{};
  entry.key = amqp_cstring_bytes(key);
  entry.value.kind = AMQP_FIELD_KIND_UTF8;
  entry.value.value.bytes = bytes_of(value);
  return entry;
}
amqp_table_entry_t entry_of(const char* key, std::int64_t value) {
  amqp_table_entry_t entry{};
  entry.key = amqp_cstring_bytes(key);
  entry.value.kind = AMQP_FIELD_KIND_I64;
  entry.value.value.i64 = value;
  return entry;
}

timeval timeval_of(Duration duration) {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
  return {us / 1'000'000, us % 1'000'000};
}

}  // namespace

void BrokerOptions::heed_query() {
  const auto heed = [](const std::string& said, std::string& option) {
    if (!said.empty()) option = said;
  };
  heed(url.ca_file, ca_file);
  heed(url.cert_file, cert_file);
  heed(url.key_file, key_file);
  verify = url.verify.value_or(verify);
  heartbeat = url.heartbeat.value_or(heartbeat);
  answer_timeout = url.connection_timeout.value_or(answer_timeout);
}

BrokerConnection::BrokerConnection(BrokerPulse& pulse)
    : pulse_(pulse), state_(amqp_new_connection()) {}

BrokerConnection::~BrokerConnection() {
  pulse_.watch(-1);
  amqp_destroy_connection(state_);
}

Result<std::unique_ptr<BrokerConnection>> BrokerConnection::open(const BrokerOptions& options,
                                                                 HostLookup& lookup,
                                                                 BrokerPulse& pulse) {
  std::unique_ptr<BrokerConnection> made(new BrokerConnection(pulse));
  if (auto connected = made->connect(options, lookup); !connected) {
    return fail(connected.error().code,
                fmt::format("{}: {}", options.url.text(), connected.error().message));
  }
  return made;
}

Result<void> BrokerConnection::connect(const BrokerOptions& options, HostLookup& lookup) {
  if (state_ == nullptr) return fail(ErrorCode::io, "no memory for a connection");
  reader_ = std::make_unique<FrameReader>(options.message_bytes_max);
  const timeval timeout = timeval_of(options.answer_timeout);
  amqp_set_handshake_timeout(state_, &timeout);
  amqp_set_rpc_timeout(state_, &timeout);
  if (auto opened = open_socket(options, lookup); !opened) return opened;
  pulse_.watch(fd());
  if (auto done = log_in(options); !done) return done;
  return open_channel();
}

Result<void> BrokerConnection::open_socket(const BrokerOptions& options, HostLookup& lookup) {
  const BrokerUrl& url = options.url;
  XYLEM_TRY(std::vector<HostAddress> addresses,
            lookup.find(url.host, url.port, options.answer_timeout));
  if (addresses.size() > kAddressesMax) addresses.resize(kAddressesMax);
  amqp_socket_t* socket = url.tls ? amqp_ssl_socket_new(state_) : amqp_tcp_socket_new(state_);
  if (socket == nullptr) return fail(ErrorCode::io, "no memory for a socket");
  if (url.tls) {
    tls_ = std::make_unique<BrokerTls>(
        TlsOptions{url.server_name.empty() ? url.host : url.server_name, options.ca_file,
                   options.cert_file, options.key_file, options.verify});
    if (auto ready = tls_->prepare(socket); !ready) return ready;
  }
  const auto places = static_cast<std::int64_t>(std::max<std::size_t>(addresses.size(), 1));
  Error error{ErrorCode::io, fmt::format("{} has no address", url.host)};
  for (const HostAddress& address : addresses) {
    auto opened = open_at(socket, address, options.answer_timeout / places);
    if (opened) {
      const int size = kSendBufferBytes;
      const unsigned unacked = kUnackedMs;
      ::setsockopt(fd(), SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
      ::setsockopt(fd(), IPPROTO_TCP, TCP_USER_TIMEOUT, &unacked, sizeof unacked);
      return {};
    }
    const bool first = &address == &addresses.front();
    error = {opened.error().code,
             (first ? "cannot connect: " : error.message + "; ") + opened.error().message};
  }
  return tl::unexpected(error);
}

Result<void> BrokerConnection::open_at(amqp_socket_t* socket, const HostAddress& address,
                                       Duration patience) {
  if (!tls_) {
    XYLEM_TRY(const int connected, connect_to(address, patience));
    amqp_tcp_socket_set_sockfd(socket, connected);
    return {};
  }
  const timeval timeout = timeval_of(patience);
  const int status = amqp_socket_open_noblock(socket, address.host.c_str(), address.port, &timeout);
  if (status == AMQP_STATUS_OK) return {};
  if (const auto why = tls_->why()) {
    return fail(why->code, fmt::format("{}: {}", address.text(), why->message));
  }
  // librabbitmq keeps no errno; whoever asks again is told.
  XYLEM_TRY(const int connected, connect_to(address, patience));
  ::close(connected);
  return fail(status == AMQP_STATUS_TIMEOUT ? ErrorCode::timed_out : ErrorCode::io,
              fmt::format("{}: the TLS handshake did not come to an end: {}", address.text(),
                          amqp_error_string2(status)));
}

// Why a call to librabbitmq failed, in more than its own words.
Error BrokerConnection::error_of(std::string_view what, int status) const {
  const int error = errno;
  const auto because = [&](ErrorCode code, std::string_view why) {
    return Error{code, fmt::format("{}: {}", what, why)};
  };
  const std::string_view no_amqp = tls_ ? "what answers there speaks no AMQP 0-9-1"
                                        : "what answers there speaks no AMQP 0-9-1, or only "
                                          "through TLS (amqps://)";
  switch (status) {
    case AMQP_STATUS_SSL_ERROR:
    case AMQP_STATUS_SSL_CONNECTION_FAILED: {
      const auto why = tls_ ? tls_->why() : std::nullopt;
      if (why) return because(why->code, why->message);
      break;
    }
    case AMQP_STATUS_SOCKET_ERROR:
      if (error == 0) break;
      return because(ErrorCode::io, fmt::format("{}{}{}", std::generic_category().message(error),
                                                logged_in_ ? "" : "; ", logged_in_ ? "" : no_amqp));
    case AMQP_STATUS_CONNECTION_CLOSED:
      return because(ErrorCode::io, logged_in_ ? "the broker ended it without a word" : no_amqp);
    case AMQP_STATUS_BAD_AMQP_DATA:
    case AMQP_STATUS_INCOMPATIBLE_AMQP_VERSION: return because(ErrorCode::io, no_amqp);
    case AMQP_STATUS_HEARTBEAT_TIMEOUT:
      return because(ErrorCode::timed_out, "nothing was heard of the broker for two heartbeats");
    case AMQP_STATUS_TIMEOUT:
      return because(ErrorCode::timed_out, "the broker did not answer in time");
    default: break;
  }
  return because(ErrorCode::io, amqp_error_string2(status));
}

// What a call that waits for an answer came to. A channel or connection that the broker closed says
// why, in last_close_code_.
Result<void> BrokerConnection::outcome_of(std::string_view what, const amqp_rpc_reply_t& reply) {
  std::uint16_t& close_code = last_close_code_;
  close_code = 0;
  if (reply.reply_type == AMQP_RESPONSE_NORMAL) return {};
  if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION) {
    return tl::unexpected(error_of(what, reply.library_error));
  }
  if (reply.reply_type != AMQP_RESPONSE_SERVER_EXCEPTION) {
    return fail(ErrorCode::io, fmt::format("{}: the connection ended", what));
  }
  std::string_view text;
  if (reply.reply.id == AMQP_CHANNEL_CLOSE_METHOD) {
    const auto& close = *static_cast<const amqp_channel_close_t*>(reply.reply.decoded);
    close_code = close.reply_code;
    text = text_of(close.reply_text);
  } else if (reply.reply.id == AMQP_CONNECTION_CLOSE_METHOD) {
    const auto& close = *static_cast<const amqp_connection_close_t*>(reply.reply.decoded);
    close_code = close.reply_code;
    text = text_of(close.reply_text);
  }
  return fail(ErrorCode::refused,
              fmt::format("{}: the broker says {} {}", what, close_code, printable(text, 300)));
}

// Without these capabilities a deleted queue and a broker that takes nothing would stay unnoticed
// (pitfalls §3.2).
Result<void> BrokerConnection::log_in(const BrokerOptions& options) {
  std::array<amqp_table_entry_t, 4> can{
      entry_of("connection.blocked", true), entry_of("consumer_cancel_notify", true),
      entry_of("basic.nack", true), entry_of("publisher_confirms", true)};
  std::array<amqp_table_entry_t, 4> about{
      entry_of("product", std::string_view("xylem")), entry_of("version", kVersion),
      entry_of("connection_name", std::string_view(options.name)), amqp_table_entry_t{}};
  about[3].key = amqp_cstring_bytes("capabilities");
  about[3].value.kind = AMQP_FIELD_KIND_TABLE;
  about[3].value.value.table = {static_cast<int>(can.size()), can.data()};
  const amqp_table_t properties{static_cast<int>(about.size()), about.data()};
  const auto heartbeat = std::chrono::duration_cast<std::chrono::seconds>(options.heartbeat);
  const amqp_rpc_reply_t reply = amqp_login_with_properties(
      state_, options.url.vhost.c_str(), kChannelsMax, kFrameBytesMax,
      static_cast<int>(heartbeat.count()), &properties, AMQP_SASL_METHOD_PLAIN,
      options.url.user.c_str(), options.url.password.c_str());
  auto done = outcome_of("cannot log in", reply);
  logged_in_ = done.has_value();
  return done;
}

// A number is used once: frames that were under way on a channel that was closed are not of the
// next (pitfalls §3.4).
Result<void> BrokerConnection::open_channel() {
  if (++channel_ >= kChannelsMax) return fail(ErrorCode::io, "too many channels were closed");
  amqp_channel_open(state_, channel_);
  auto opened = last_answer("cannot open a channel");
  return opened && confirms_ ? select_confirms() : opened;
}

Result<void> BrokerConnection::last_answer(std::string_view what) {
  return outcome_of(what, amqp_get_rpc_reply(state_));
}

// What is not there costs the channel.
Result<bool> BrokerConnection::existence(std::string_view what) {
  const auto there = last_answer(what);
  if (there) return true;
  if (last_close_code_ != kNotFound) return tl::unexpected(there.error());
  if (auto opened = open_next_channel(); !opened) return tl::unexpected(opened.error());
  return false;
}

// In place of one that the broker has closed.
Result<void> BrokerConnection::open_next_channel() {
  amqp_channel_close_ok_t ok{};
  amqp_send_method(state_, channel_, AMQP_CHANNEL_CLOSE_OK_METHOD, &ok);
  return open_channel();
}

Result<void> BrokerConnection::ensure_exchange(const std::string& name, Exchange kind) {
  const bool topic = kind == Exchange::durable_topic;
  const auto declare = [&](bool passive) {
    amqp_exchange_declare(state_, channel_, bytes_of(name),
                          amqp_cstring_bytes(topic ? "topic" : "fanout"), passive, topic, 0, 0,
                          amqp_empty_table);
  };
  const std::string what = fmt::format("exchange '{}'", name);
  declare(true);
  XYLEM_TRY(const bool there, existence(what));
  if (there) return {};
  XYLEM_LOG(info, "amqp makes the exchange '{}', as Celery would", name);
  declare(false);
  return last_answer(what);
}

// AMQP has no question for it; but who declares an exchange of another type is told (406). Who may
// declare none (403) learns nothing, and of other differences, as durability, there is none to
// tell.
Result<std::string> BrokerConnection::other_type(const std::string& exchange) {
  amqp_exchange_declare(state_, channel_, bytes_of(exchange), amqp_cstring_bytes("topic"), 0, 1, 0,
                        0, amqp_empty_table);
  const auto same = last_answer("exchange");
  if (same) return std::string();
  if (last_close_code_ == 0) return tl::unexpected(same.error());
  const bool differs = last_close_code_ == kPreconditionFailed;
  if (auto opened = open_next_channel(); !opened) return tl::unexpected(opened.error());
  const std::string& said = same.error().message;
  if (!differs || said.find("'type'") == std::string::npos) return std::string();
  constexpr std::string_view kBefore = "current is '";  // cut off behind a long name
  const std::size_t at = said.rfind(kBefore);
  if (at == std::string::npos) return std::string("another type");
  const std::size_t begin = at + kBefore.size();
  return said.substr(begin, said.find('\'', begin) - begin);
}

Result<bool> BrokerConnection::queue_exists(const std::string& name) {
  amqp_queue_declare(state_, channel_, bytes_of(name), 1, 1, 0, 0, amqp_empty_table);
  return existence(fmt::format("queue '{}'", name));
}

Result<void> BrokerConnection::declare_queue(const std::string& name, std::uint64_t bytes_max) {
  std::array<amqp_table_entry_t, 3> arguments{
      entry_of("x-max-length-bytes", static_cast<std::int64_t>(bytes_max)),
      entry_of("x-overflow", std::string_view("drop-head")),
      entry_of("x-expires", kQueueExpiresMs)};
  amqp_queue_declare(state_, channel_, bytes_of(name), 0, 1, 0, 0,
                     {static_cast<int>(arguments.size()), arguments.data()});
  return last_answer(fmt::format("queue '{}'", name));
}

Result<void> BrokerConnection::bind(const std::string& queue, const std::string& exchange,
                                    const std::string& pattern) {
  amqp_queue_bind(state_, channel_, bytes_of(queue), bytes_of(exchange), bytes_of(pattern),
                  amqp_empty_table);
  return last_answer(fmt::format("binding '{}' to '{}' by '{}'", queue, exchange, pattern));
}

Result<void> BrokerConnection::consume(const std::string& queue, std::uint16_t prefetch) {
  amqp_basic_qos(state_, channel_, 0, prefetch, 0);
  if (auto done = last_answer("prefetch"); !done) return done;
  amqp_basic_consume(state_, channel_, bytes_of(queue), amqp_empty_bytes, 0, 0, 0,
                     amqp_empty_table);
  return last_answer(fmt::format("consuming queue '{}'", queue));
}

Result<void> BrokerConnection::select_confirms() {
  confirms_ = true;
  amqp_confirm_select(state_, channel_);
  return last_answer("publisher confirms");
}

Result<std::optional<BrokerFrame>> BrokerConnection::next() {
  const BrokerPulse::Call call(pulse_);
  for (;;) {
    amqp_frame_t frame;
    const timeval now{0, 0};
    const int status = amqp_simple_wait_frame_noblock(state_, &frame, &now);
    if (status == AMQP_STATUS_TIMEOUT) return std::nullopt;
    if (status != AMQP_STATUS_OK) return tl::unexpected(error_of("the connection ended", status));
    // Of a channel that was closed before this one.
    const bool old = frame.channel != 0 && frame.channel != channel_;
    Result<std::optional<BrokerFrame>> said;
    if (!old) said = reader_->take(frame);
    amqp_maybe_release_buffers(state_);
    if (!said || *said) return said;
  }
}

Result<void> BrokerConnection::publish(const OutgoingMessage& message) {
  std::array<amqp_table_entry_t, 2> headers{};
  int count = 0;
  if (!message.hostname.empty()) headers[0] = entry_of("hostname", message.hostname), count = 1;
  if (message.control) {
    headers = {entry_of("clock", std::int64_t{1}), entry_of("expires", std::int64_t{0})};
    count = 2;
  }
  amqp_basic_properties_t properties{};
  properties._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_CONTENT_ENCODING_FLAG |
                      AMQP_BASIC_HEADERS_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG |
                      AMQP_BASIC_PRIORITY_FLAG;
  properties.content_type = amqp_cstring_bytes("application/json");
  properties.content_encoding = amqp_cstring_bytes("utf-8");
  properties.headers = {count, headers.data()};
  properties.delivery_mode =
      message.persistent ? AMQP_DELIVERY_PERSISTENT : AMQP_DELIVERY_NONPERSISTENT;
  const auto add = [&](amqp_flags_t flag, std::string_view value, amqp_bytes_t& place) {
    if (value.empty()) return;
    properties._flags |= flag;
    place = bytes_of(value);
  };
  add(AMQP_BASIC_MESSAGE_ID_FLAG, message.message_id, properties.message_id);
  add(AMQP_BASIC_APP_ID_FLAG, message.app_id, properties.app_id);
  const BrokerPulse::Call call(pulse_);
  const int status = amqp_basic_publish(state_, channel_, bytes_of(message.exchange),
                                        bytes_of(message.routing_key), message.mandatory, 0,
                                        &properties, bytes_of(message.body));
  if (status != AMQP_STATUS_OK) return tl::unexpected(error_of("cannot publish", status));
  return {};
}

Result<void> BrokerConnection::ack(std::uint64_t tag) {
  const BrokerPulse::Call call(pulse_);
  const int status = amqp_basic_ack(state_, channel_, tag, 1);
  if (status != AMQP_STATUS_OK) return tl::unexpected(error_of("cannot acknowledge", status));
  return {};
}

Result<void> BrokerConnection::reject(std::uint64_t tag) {
  const BrokerPulse::Call call(pulse_);
  const int status = amqp_basic_reject(state_, channel_, tag, 0);
  if (status != AMQP_STATUS_OK) return tl::unexpected(error_of("cannot reject", status));
  return {};
}

int BrokerConnection::fd() const { return amqp_get_sockfd(state_); }

bool BrokerConnection::writable() const {
  pollfd wait{fd(), POLLOUT, 0};
  return ::poll(&wait, 1, 0) == 1 && (wait.revents & POLLOUT) != 0;
}

void BrokerConnection::close() {
  if (!std::exchange(logged_in_, false)) return;
  const BrokerPulse::Call call(pulse_);
  static_cast<void>(amqp_connection_close(state_, AMQP_REPLY_SUCCESS));
}

}  // namespace xylem
