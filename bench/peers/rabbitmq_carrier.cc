#include <amqp.h>
#include <amqp_tcp_socket.h>

#include "bench/peers/peers.h"

namespace xylem::peers {
namespace {

constexpr amqp_channel_t kChannel = 1;
constexpr const char* kExchange = "xylem.bench";
constexpr int kFrameBytesMax = 131'072;  // RabbitMQ's own default
constexpr int kMessagesPerTime = 16;

amqp_bytes_t bytes_of(std::string_view text) {
  return {text.size(), const_cast<char*>(text.data())};  // librabbitmq does not write to it
}
std::string_view text_of(amqp_bytes_t bytes) {
  return {static_cast<const char*>(bytes.bytes), bytes.len};
}

// A connection with one channel and the topic exchange of the benchmark.
class Connection {
 public:
  Connection() : state_(amqp_new_connection()) {}
  ~Connection() {
    static_cast<void>(close());
    amqp_destroy_connection(state_);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  [[nodiscard]] bool open(const std::string& endpoint) {
    const auto address = Address::parse(endpoint);
    amqp_socket_t* socket = amqp_tcp_socket_new(state_);
    if (!address || socket == nullptr) return false;
    if (amqp_socket_open(socket, address->host().c_str(), address->port()) != AMQP_STATUS_OK)
      return false;
    is_open_ = true;
    const auto login =
        amqp_login(state_, "/", 1, kFrameBytesMax, 0, AMQP_SASL_METHOD_PLAIN, "guest", "guest");
    if (login.reply_type != AMQP_RESPONSE_NORMAL) return false;
    amqp_channel_open(state_, kChannel);
    if (!last_went_well()) return false;
    amqp_exchange_declare(state_, kChannel, amqp_cstring_bytes(kExchange),
                          amqp_cstring_bytes("topic"), 0, 0, 0, 0, amqp_empty_table);
    return last_went_well();
  }
  [[nodiscard]] bool last_went_well() const {
    return amqp_get_rpc_reply(state_).reply_type == AMQP_RESPONSE_NORMAL;
  }
  // Waits for the broker's word, so that everything sent has arrived.
  [[nodiscard]] bool close() {
    if (!std::exchange(is_open_, false)) return true;
    return amqp_connection_close(state_, AMQP_REPLY_SUCCESS).reply_type == AMQP_RESPONSE_NORMAL;
  }
  [[nodiscard]] amqp_connection_state_t state() const { return state_; }

 private:
  amqp_connection_state_t state_;
  bool is_open_ = false;
};

// Transient messages, each written to the socket as librabbitmq does it.
class RabbitProducer final : public cli::BenchProducer {
 public:
  [[nodiscard]] bool open(const std::string& endpoint) {
    properties_._flags = AMQP_BASIC_DELIVERY_MODE_FLAG;
    properties_.delivery_mode = 1;
    return connection_.open(endpoint);
  }
  void send(const cli::BenchEvent& event) override {
    const int sent =
        amqp_basic_publish(connection_.state(), kChannel, amqp_cstring_bytes(kExchange),
                           bytes_of(event.key), 0, 0, &properties_, bytes_of(event.body));
    if (sent != AMQP_STATUS_OK) ++failed_;
  }
  void flush() override {}
  std::uint64_t close() override {
    static_cast<void>(connection_.close());
    return failed_;
  }

 private:
  Connection connection_;
  amqp_basic_properties_t properties_{};
  std::uint64_t failed_ = 0;
};

class RabbitSink final : public cli::BenchSink {
 public:
  [[nodiscard]] bool open(const std::string& endpoint, const std::vector<std::string>& patterns) {
    if (!connection_.open(endpoint)) return false;
    const auto* queue = amqp_queue_declare(connection_.state(), kChannel, amqp_empty_bytes, 0, 0, 1,
                                           1, amqp_empty_table);
    if (queue == nullptr) return false;
    const std::string name(text_of(queue->queue));
    for (const std::string& pattern : patterns) bind(name, pattern);
    bind(name, cli::kBenchWarmUpKey);
    amqp_basic_consume(connection_.state(), kChannel, bytes_of(name), amqp_empty_bytes, 0, 1, 1,
                       amqp_empty_table);
    return connection_.last_went_well();
  }
  [[nodiscard]] bool receive(cli::BenchAccounts& accounts, Duration timeout) override {
    if (!receive_one(accounts, timeout, true)) return !broken_;
    for (int more = 1; more < kMessagesPerTime && is_buffered(); ++more) {
      if (!receive_one(accounts, timeout, accounts.is_paced())) return !broken_;
    }
    return true;
  }

 private:
  void bind(std::string_view queue, std::string_view pattern) {
    amqp_queue_bind(connection_.state(), kChannel, bytes_of(queue), amqp_cstring_bytes(kExchange),
                    bytes_of(pattern), amqp_empty_table);
  }
  [[nodiscard]] bool is_buffered() const {
    return amqp_frames_enqueued(connection_.state()) != 0 ||
           amqp_data_in_buffer(connection_.state()) != 0;
  }
  bool receive_one(cli::BenchAccounts& accounts, Duration timeout, bool look_at_clock) {
    timeval wait{0, static_cast<suseconds_t>(timeout.count() / 1000)};
    amqp_envelope_t envelope;
    const auto reply = amqp_consume_message(connection_.state(), &envelope, &wait, 0);
    if (reply.reply_type != AMQP_RESPONSE_NORMAL) {
      broken_ = reply.library_error != AMQP_STATUS_TIMEOUT;
      return false;
    }
    if (look_at_clock) accounts.now_is();
    accounts.take(text_of(envelope.routing_key), text_of(envelope.message.body));
    amqp_destroy_envelope(&envelope);
    amqp_maybe_release_buffers_on_channel(connection_.state(), kChannel);
    return true;
  }
  Connection connection_;
  bool broken_ = false;
};

class RabbitCarrier final : public cli::BenchCarrier {
 public:
  explicit RabbitCarrier(const cli::BenchOptions& options) : options_(options) {}
  [[nodiscard]] std::string name() const override { return "rabbitmq"; }
  [[nodiscard]] std::unique_ptr<cli::BenchProducer> producer(const std::string& endpoint) override {
    auto made = std::make_unique<RabbitProducer>();
    return made->open(endpoint) ? std::move(made) : nullptr;
  }
  [[nodiscard]] std::unique_ptr<cli::BenchSink> sink(const std::vector<std::string>& patterns,
                                                     bool) override {
    auto made = std::make_unique<RabbitSink>();
    return made->open(options_.receive, patterns) ? std::move(made) : nullptr;
  }

 private:
  const cli::BenchOptions& options_;
};

}  // namespace

std::unique_ptr<cli::BenchCarrier> rabbitmq_carrier(const cli::BenchOptions& options) {
  return std::make_unique<RabbitCarrier>(options);
}

}  // namespace xylem::peers
