#include <cstring>

#include "bench/peers/peers.h"

namespace xylem::peers {
namespace {

class ZmqCarrier final : public cli::BenchCarrier {
 public:
  ZmqCarrier(const cli::BenchOptions& options, cli::Frames frames)
      : options_(options), frames_(frames) {}
  [[nodiscard]] std::string name() const override { return "raw_zmq"; }
  [[nodiscard]] std::unique_ptr<cli::BenchProducer> producer(const std::string& endpoint) override {
    return cli::PlainPush::open(endpoint, {frames_, options_.plain_ends()});
  }
  [[nodiscard]] std::unique_ptr<cli::BenchSink> sink(const std::vector<std::string>& patterns,
                                                     bool) override {
    return cli::PlainSub::open(options_.receive, {frames_, options_.plain_ends()}, patterns);
  }

 private:
  const cli::BenchOptions& options_;
  cli::Frames frames_;
};

// A block is events behind each other: both lengths, key, body.
struct Lengths {
  std::uint32_t key;
  std::uint32_t body;
};
constexpr std::size_t kBlockBytes = std::size_t{64} << 10;

class BlocksProducer final : public cli::BenchProducer {
 public:
  explicit BlocksProducer(std::unique_ptr<cli::PlainPush> push) : push_(std::move(push)) {}
  void send(const cli::BenchEvent& event) override {
    const Lengths lengths{static_cast<std::uint32_t>(event.key.size()),
                          static_cast<std::uint32_t>(event.body.size())};
    block_.append(reinterpret_cast<const char*>(&lengths), sizeof lengths);
    block_ += event.key;
    block_ += event.body;
    if (block_.size() >= kBlockBytes) flush();
  }
  void flush() override {
    if (block_.empty()) return;
    push_->send_frame(block_);
    block_.clear();
  }
  std::uint64_t close() override {
    flush();
    return 0;
  }

 private:
  std::unique_ptr<cli::PlainPush> push_;
  std::string block_;
};

class BlocksSink final : public cli::BenchSink {
 public:
  explicit BlocksSink(std::unique_ptr<cli::PlainSub> sub) : sub_(std::move(sub)) {}
  [[nodiscard]] bool receive(cli::BenchAccounts& accounts, Duration timeout) override {
    const Frame* block = sub_->receive_frame(timeout);
    if (block == nullptr) return true;
    accounts.now_is();
    std::string_view rest = block->text();
    for (Lengths lengths{}; rest.size() >= sizeof lengths;) {
      std::memcpy(&lengths, rest.data(), sizeof lengths);
      rest.remove_prefix(sizeof lengths);
      if (rest.size() < std::size_t{lengths.key} + lengths.body) return false;
      accounts.take(rest.substr(0, lengths.key), rest.substr(lengths.key, lengths.body));
      rest.remove_prefix(std::size_t{lengths.key} + lengths.body);
    }
    return true;
  }

 private:
  std::unique_ptr<cli::PlainSub> sub_;
};

class BlocksCarrier final : public cli::BenchCarrier {
 public:
  explicit BlocksCarrier(const cli::BenchOptions& options) : options_(options) {}
  [[nodiscard]] std::string name() const override { return "zmq_blocks"; }
  [[nodiscard]] std::unique_ptr<cli::BenchProducer> producer(const std::string& endpoint) override {
    auto push = cli::PlainPush::open(endpoint, {cli::Frames::joined, options_.plain_ends()});
    return push ? std::make_unique<BlocksProducer>(std::move(push)) : nullptr;
  }
  // Blocks have no key, so everybody receives everything.
  [[nodiscard]] std::unique_ptr<cli::BenchSink> sink(const std::vector<std::string>&,
                                                     bool) override {
    auto sub =
        cli::PlainSub::open(options_.receive, {cli::Frames::joined, options_.plain_ends()}, {"#"});
    return sub ? std::make_unique<BlocksSink>(std::move(sub)) : nullptr;
  }

 private:
  const cli::BenchOptions& options_;
};

}  // namespace

std::unique_ptr<cli::BenchCarrier> zmq_carrier(const cli::BenchOptions& options,
                                               cli::Frames frames) {
  return std::make_unique<ZmqCarrier>(options, frames);
}

std::unique_ptr<cli::BenchCarrier> zmq_blocks_carrier(const cli::BenchOptions& options) {
  return std::make_unique<BlocksCarrier>(options);
}

}  // namespace xylem::peers
