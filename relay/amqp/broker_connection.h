#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "relay/amqp/broker_frame.h"
#include "relay/amqp/broker_pulse.h"
#include "relay/amqp/broker_url.h"
#include "relay/base/clock.h"
#include "relay/base/result.h"

struct amqp_connection_state_t_;
struct amqp_rpc_reply_t_;
struct amqp_socket_t_;

namespace xylem {

class BrokerTls;
class FrameReader;
class HostLookup;
struct HostAddress;

// How a broker is reached.
struct BrokerOptions {
  BrokerUrl url;
  std::string ca_file;    // whom to trust; empty: those whom the system trusts
  std::string cert_file;  // our own certificate and its key, if the broker asks
  std::string key_file;
  bool verify = true;
  Duration heartbeat = std::chrono::seconds(10);
  Duration answer_timeout = std::chrono::seconds(4);  // of a connect, a login, a declaration
  std::string name;                                   // in the broker's list of connections
  std::size_t message_bytes_max = std::size_t{4} << 20;

  // What the URL's query says, it says instead of the options above.
  void heed_query();
};

// A message for the broker, always JSON. Views, valid for the call.
struct OutgoingMessage {
  std::string_view exchange;
  std::string_view routing_key;
  std::string_view body;
  std::string_view hostname;    // a header, if not empty
  std::string_view message_id;  // likewise a property
  std::string_view app_id;
  bool persistent = false;
  bool mandatory = false;
  // Celery's control broadcasts say these (kombu/pidbox.py).
  bool control = false;
};

// One AMQP 0-9-1 connection with one channel (librabbitmq 0.11). One owner thread. After an error
// it is of no more use. Calls that wait for an answer wait `answer_timeout` at most; the others
// only while the socket takes nothing, which a BrokerPulse lets somebody else notice.
class BrokerConnection {
 public:
  // Looks the host up, connects and logs in, each within `answer_timeout`. `pulse` must outlive the
  // connection. Errors: refused, timed_out, io, with the words of who said no: the resolver, the
  // system, OpenSSL or the broker.
  [[nodiscard]] static Result<std::unique_ptr<BrokerConnection>> open(const BrokerOptions& options,
                                                                      HostLookup& lookup,
                                                                      BrokerPulse& pulse);
  ~BrokerConnection();
  BrokerConnection(const BrokerConnection&) = delete;
  BrokerConnection& operator=(const BrokerConnection&) = delete;

  // What is there is used as it is, and asked for passively, which changes nothing; only what is
  // not there is made, as Kombu does it: not auto-deleted, no arguments (celery#1947: with others
  // than it has, the broker closes the channel).
  enum class Exchange : std::uint8_t { durable_topic, transient_fanout };
  [[nodiscard]] Result<void> ensure_exchange(const std::string& name, Exchange kind);
  // Of an exchange that is there: its type, if the broker says that it is another than topic, else
  // "". Declares it once more for that, which changes nothing, and may cost the channel.
  [[nodiscard]] Result<std::string> other_type(const std::string& exchange);
  [[nodiscard]] Result<bool> queue_exists(const std::string& name);
  // Durable; at most so many bytes, then its oldest go; deleted after a day without a consumer.
  [[nodiscard]] Result<void> declare_queue(const std::string& name, std::uint64_t bytes_max);
  [[nodiscard]] Result<void> bind(const std::string& queue, const std::string& exchange,
                                  const std::string& pattern);
  [[nodiscard]] Result<void> consume(const std::string& queue, std::uint16_t prefetch);
  // Before anything is published; what is asked for later and is not there costs the channel, and
  // the next one confirms, too.
  [[nodiscard]] Result<void> select_confirms();

  // What has come, or nothing just now; also keeps the heartbeats going. Errors: what ended the
  // channel or the connection; malformed, if it was a message of ours (406).
  [[nodiscard]] Result<std::optional<BrokerFrame>> next();
  [[nodiscard]] Result<void> publish(const OutgoingMessage& message);
  [[nodiscard]] Result<void> ack(std::uint64_t tag);  // and all before
  [[nodiscard]] Result<void> reject(std::uint64_t tag);

  // Whether a message would leave without waiting.
  [[nodiscard]] bool writable() const;
  // Its readability means that next() finds something.
  [[nodiscard]] int fd() const;
  // Says goodbye, so that what was sent is known to have arrived.
  void close();

 private:
  explicit BrokerConnection(BrokerPulse& pulse);
  [[nodiscard]] Result<void> connect(const BrokerOptions& options, HostLookup& lookup);
  [[nodiscard]] Result<void> open_socket(const BrokerOptions& options, HostLookup& lookup);
  [[nodiscard]] Result<void> open_at(amqp_socket_t_* socket, const HostAddress& address,
                                     Duration patience);
  [[nodiscard]] Result<void> log_in(const BrokerOptions& options);
  [[nodiscard]] Result<void> open_channel();
  [[nodiscard]] Result<void> open_next_channel();
  [[nodiscard]] Result<void> last_answer(std::string_view what);
  [[nodiscard]] Result<bool> existence(std::string_view what);
  [[nodiscard]] Error error_of(std::string_view what, int status) const;
  [[nodiscard]] Result<void> outcome_of(std::string_view what, const amqp_rpc_reply_t_& reply);

  BrokerPulse& pulse_;
  std::unique_ptr<BrokerTls> tls_;  // or none
  amqp_connection_state_t_* state_;
  std::uint16_t channel_ = 0;
  bool logged_in_ = false;
  bool confirms_ = false;  // also of a channel that takes the place of this one
  std::uint16_t last_close_code_ = 0;
  std::unique_ptr<FrameReader> reader_;
};

}  // namespace xylem
