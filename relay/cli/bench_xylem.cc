#include <fmt/format.h>
#include <time.h>

#include "relay/cli/bench_carrier.h"
#include "relay/cli/bench_plain.h"
#include "relay/cli/command.h"
#include "relay/client/dispatcher.h"
#include "relay/client/receiver.h"

namespace xylem::cli {
namespace {

class LibraryProducer final : public BenchProducer {
 public:
  explicit LibraryProducer(Context::Engine engine) : context_(engine) {}
  [[nodiscard]] static std::unique_ptr<LibraryProducer> open(const BenchOptions& options,
                                                             const std::string& endpoint) {
    const auto relay = Address::parse(endpoint);
    if (!relay) return nullptr;
    Dispatcher::Options made;
    made.relay = *relay;
    if (options.lane == Lane::buffered) {
      made.buffer_groups = {"task"};
      made.buffer_events = options.list_events;
    }
    auto producer = std::make_unique<LibraryProducer>(options.library_ends());
    auto dispatcher = Dispatcher::open(made, producer->context_, producer->clock_);
    if (!dispatcher) return nullptr;
    producer->dispatcher_ = std::move(*dispatcher);
    return producer;
  }
  void send(const BenchEvent& event) override {
    while (dispatcher_->send_json(event.type, event.body, event.timestamp_us) ==
           Dispatcher::Sent::full) {
      const timespec pause{0, 200'000};  // the outbox is full: the pressure has arrived here
      ::nanosleep(&pause, nullptr);
    }
  }
  void flush() override { dispatcher_->flush(); }
  std::uint64_t close() override { return dispatcher_->close(std::chrono::seconds(30)); }

 private:
  SystemClock clock_;
  Context context_;
  std::unique_ptr<Dispatcher> dispatcher_;
};

class StreamSink final : public BenchSink {
 public:
  StreamSink(Receiver::Options options, Context::Engine engine)
      : context_(engine), receiver_(std::move(options), context_, clock_) {
    receiver_.on_gap([this](const Gap& gap) { gapped_ += gap.count; });
  }
  ~StreamSink() override { receiver_.close(); }
  [[nodiscard]] bool open() { return receiver_.open().has_value(); }

  [[nodiscard]] bool receive(BenchAccounts& accounts, Duration timeout) override {
    const auto batch = receiver_.receive(timeout);
    if (!batch) {
      failed(batch.error().message);
      return false;
    }
    accounts.gap(std::exchange(gapped_, 0));
    if (!*batch) return true;
    accounts.now_is();
    accounts.epoch_is((*batch)->epoch());
    for (const EventEntry& entry : (*batch)->entries())
      accounts.take((*batch)->key_of(entry), (*batch)->body_of(entry));
    return true;
  }

 private:
  SystemClock clock_;
  Context context_;
  Receiver receiver_;
  std::uint64_t gapped_ = 0;
};

class XylemCarrier final : public BenchCarrier {
 public:
  explicit XylemCarrier(const BenchOptions& options) : options_(options) {}
  [[nodiscard]] std::string name() const override { return "xylem"; }

  [[nodiscard]] std::unique_ptr<BenchProducer> producer(const std::string& endpoint) override {
    if (options_.lane == Lane::batch || options_.lane == Lane::buffered)
      return LibraryProducer::open(options_, endpoint);
    return PlainPush::open(endpoint, {Frames::key_and_body, options_.plain_ends()});
  }
  [[nodiscard]] std::unique_ptr<BenchSink> sink(const std::vector<std::string>& patterns,
                                                bool stalls) override {
    if (options_.sink == SinkKind::publish)
      return PlainSub::open(options_.receive, {Frames::key_and_body, options_.plain_ends()},
                            patterns);
    const auto relay = Address::parse(options_.receive);
    if (!relay) return nullptr;
    Receiver::Options made;
    made.relay = *relay;
    made.name = "bench " + patterns.front();
    made.patterns = patterns;
    made.patterns.emplace_back(kBenchWarmUpKey);
    made.overflow = stalls ? Overflow::drop_oldest : options_.overflow;
    auto sink = std::make_unique<StreamSink>(std::move(made), options_.library_ends());
    return sink->open() ? std::move(sink) : nullptr;
  }

 private:
  const BenchOptions& options_;
};

}  // namespace

std::unique_ptr<BenchCarrier> xylem_carrier(const BenchOptions& options) {
  return std::make_unique<XylemCarrier>(options);
}

}  // namespace xylem::cli
