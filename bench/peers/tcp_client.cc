#include "bench/peers/tcp_client.h"

#include <algorithm>

namespace xylem::peers {
namespace {

constexpr Duration kPatience = std::chrono::seconds(10);

std::string translated(std::string_view key, char from, char to) {
  std::string text(key);
  std::replace(text.begin(), text.end(), from, to);
  return text;
}

// A connection that has been greeted; null if it could not be.
std::unique_ptr<TcpStream> open(const std::string& endpoint, const Protocol& protocol) {
  auto stream = TcpStream::connect(endpoint);
  if (stream == nullptr) return nullptr;
  protocol.greet(*stream);
  const SystemClock clock;
  const Instant start = clock.now();
  while (!protocol.greeted(stream->unread())) {
    if (!stream->send_some() || stream->ended() || clock.now() - start > kPatience) return nullptr;
    stream->wait(std::chrono::milliseconds(100), !stream->nothing_to_send());
    static_cast<void>(stream->read_some());
  }
  stream->consume(stream->unread().size());
  return stream;
}

class Producer final : public cli::BenchProducer {
 public:
  Producer(std::unique_ptr<TcpStream> stream, const Protocol& protocol)
      : stream_(std::move(stream)), protocol_(protocol) {}

  void send(const cli::BenchEvent& event) override {
    if (protocol_.separator() == '.') {
      protocol_.publish(*stream_, event.key, event.body);
    } else {
      key_.assign(event.key);
      std::replace(key_.begin(), key_.end(), '.', protocol_.separator());
      protocol_.publish(*stream_, key_, event.body);
    }
    if (stream_->wants_flush()) flush();
  }
  void flush() override {
    while (!broken_ && !stream_->nothing_to_send()) {
      broken_ = !stream_->send_some();
      read_answers();
      if (!stream_->nothing_to_send()) stream_->wait(std::chrono::milliseconds(100), true);
      if (stream_->ended()) broken_ = true;
    }
  }
  // The broker may close a connection with unread answers on it before it has read the rest, so
  // this end reads until it is quiet.
  std::uint64_t close() override {
    flush();
    for (int quiet = 0; quiet < 3 && !broken_ && !stream_->ended();) {
      stream_->wait(std::chrono::milliseconds(20), false);
      if (!read_answers()) ++quiet;
    }
    return 0;
  }

 private:
  bool read_answers() {
    bool any = false;
    while (stream_->read_some()) {
      any = true;
      for (Protocol::Message message; (message = protocol_.read(stream_->unread())).bytes != 0;) {
        stream_->consume(message.bytes);
        if (message.wants_answer) protocol_.answer(*stream_);
      }
    }
    return any;
  }
  std::unique_ptr<TcpStream> stream_;
  const Protocol& protocol_;
  std::string key_;
  bool broken_ = false;
};

class Sink final : public cli::BenchSink {
 public:
  Sink(std::unique_ptr<TcpStream> stream, const Protocol& protocol)
      : stream_(std::move(stream)), protocol_(protocol) {}

  [[nodiscard]] bool receive(cli::BenchAccounts& accounts, Duration timeout) override {
    if (!stream_->nothing_to_send() && !stream_->send_some()) return false;
    if (!stream_->read_some()) {
      if (stream_->ended()) return false;
      stream_->wait(timeout, !stream_->nothing_to_send());
      if (!stream_->read_some()) return !stream_->ended();
    }
    accounts.now_is();
    for (Protocol::Message message; (message = protocol_.read(stream_->unread())).bytes != 0;) {
      if (message.wants_answer) protocol_.answer(*stream_);
      if (protocol_.separator() == '.') {
        accounts.take(message.key, message.body);
      } else {
        accounts.take(translated(message.key, protocol_.separator(), '.'), message.body);
      }
      stream_->consume(message.bytes);
    }
    return true;
  }

 private:
  std::unique_ptr<TcpStream> stream_;
  const Protocol& protocol_;
};

class TcpCarrier final : public cli::BenchCarrier {
 public:
  TcpCarrier(const cli::BenchOptions& options, std::unique_ptr<Protocol> protocol)
      : options_(options), protocol_(std::move(protocol)) {}
  [[nodiscard]] std::string name() const override { return protocol_->name(); }

  [[nodiscard]] std::unique_ptr<cli::BenchProducer> producer(const std::string& endpoint) override {
    auto stream = open(endpoint, *protocol_);
    return stream ? std::make_unique<Producer>(std::move(stream), *protocol_) : nullptr;
  }
  [[nodiscard]] std::unique_ptr<cli::BenchSink> sink(const std::vector<std::string>& patterns,
                                                     bool) override {
    auto stream = open(options_.receive, *protocol_);
    if (stream == nullptr) return nullptr;
    std::size_t id = 1;
    for (const std::string& pattern : patterns) protocol_->subscribe(*stream, pattern, id++);
    protocol_->subscribe(*stream, std::string(cli::kBenchWarmUpKey), id);
    return std::make_unique<Sink>(std::move(stream), *protocol_);
  }

 private:
  const cli::BenchOptions& options_;
  std::unique_ptr<Protocol> protocol_;
};

}  // namespace

std::unique_ptr<cli::BenchCarrier> tcp_carrier(const cli::BenchOptions& options,
                                               std::unique_ptr<Protocol> protocol) {
  return std::make_unique<TcpCarrier>(options, std::move(protocol));
}

}  // namespace xylem::peers
