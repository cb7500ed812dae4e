#pragma once

#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

#include "relay/agent/agent.h"
#include "relay/amqp/broker_link.h"
#include "relay/codec/control_codec.h"
#include "relay/event/topic_filter.h"
#include "relay/ingest/admission.h"
#include "relay/ingest/source_outbox.h"
#include "relay/pipeline/log_progress.h"

namespace xylem {

// Takes the events of a broker's exchange in, through a queue of its own (docs/amqp.md), and
// acknowledges them to the broker once they have reached the level that is wanted. A message of
// which nothing can be taken is rejected without requeueing, so that a dead-letter exchange gets
// it, and counted by its reason.
class AmqpSource final : public Agent, Admission::Refused, Admission::Outlet {
 public:
  struct Options {
    std::string exchange;
    std::string queue;  // empty: xylem.<exchange>
    [[nodiscard]] std::string queue_name() const {
      return queue.empty() ? "xylem." + exchange : queue;
    }
    std::uint64_t queue_bytes_max = std::uint64_t{256} << 20;
    std::vector<std::string> patterns{"#"};
    std::uint16_t prefetch = 200;  // messages under way that are not acknowledged
    AckLevel level = AckLevel::received;
    bool msgpack = false;  // taken, else refused
    Admission::Options admission;
    [[nodiscard]] bool is_wanted() const { return !exchange.empty(); }
  };
  // All must outlive the agent. `log` is nullptr in a relay without a spool.
  AmqpSource(Options options, const BrokerOptions& broker, SourceEdge& edge, const LogProgress* log,
             const Clock& clock, std::uint64_t seed);

  [[nodiscard]] std::string_view name() const override { return "amqp source"; }
  [[nodiscard]] Result<void> on_start() override { return {}; }
  [[nodiscard]] std::size_t do_work(Instant now) override;
  [[nodiscard]] bool has_work() override;
  void wait_fds(std::vector<int>& fds) const override;
  // Takes nothing more in, and is finished when all that was taken is acknowledged.
  [[nodiscard]] Drain drain(Instant now) override;
  [[nodiscard]] std::uint64_t on_stop() override;

  // Any thread.
  void sample(Samples& samples) const;
  [[nodiscard]] BrokerLink& link() { return link_; }
  [[nodiscard]] const BrokerLink& link() const { return link_; }

 private:
  static constexpr std::size_t kMessagesPerTurn = 256;
  // What came while the pipeline had no room; then the socket is not read, and if that lasts for
  // longer than its heartbeats, the broker has it all back.
  static constexpr std::size_t kWaitingBytesMax = std::size_t{32} << 20;

  static constexpr std::uint64_t kNotHandedOn = UINT64_MAX;
  // A delivery that was handed on: done once the pipeline has stamped `pushed` batches of our edge,
  // and the log has come to where the last of them ended.
  struct Pending {
    std::uint64_t tag = 0;
    std::uint64_t pushed = kNotHandedOn;
  };
  struct Shown {
    SourceFigures source;
    std::uint64_t pending = 0;
    std::uint64_t repeated = 0;
    std::uint64_t filtered = 0;
  };

  [[nodiscard]] Result<void> prepare(BrokerConnection& connection);
  [[nodiscard]] std::size_t read(BrokerConnection& connection, bool take_in);
  void on_frame(BrokerFrame& frame);
  void take(Delivery& delivery);
  [[nodiscard]] bool admit(std::string_view json);
  void take_waiting();
  void pass_over(const Delivery& delivery);
  void reject_refused();
  [[nodiscard]] bool is_known(const Delivery& delivery, std::size_t print);
  [[nodiscard]] std::size_t settle();
  [[nodiscard]] Sequence safe() const;
  void give_up(const Error& error);
  void show();

  void on_refused(Refusal why, std::string_view key, std::size_t bytes) override;
  void tell_refused(Refusal why, std::string_view key, std::size_t bytes, std::string_view what);
  void on_batch(std::unique_ptr<Batch> batch) override;

  Options options_;
  // What was bound once stays bound, and the broker tells nobody by which patterns; so the queue
  // may have more than is wanted.
  TopicFilter filter_;
  const LogProgress* log_progress_;
  SourceEdge& edge_;
  SourceOutbox outbox_;
  Admission admission_;
  DistinctLog log_;
  BrokerLink link_;
  // Each bounded by the prefetch.
  std::deque<Delivery> waiting_;  // came while the pipeline had no room
  std::size_t waiting_bytes_ = 0;
  std::deque<Pending> unstamped_;
  struct Stamped {
    std::uint64_t tag = 0;
    Sequence last;
  };
  std::deque<Stamped> stamped_;
  std::vector<std::uint64_t> rejected_;
  // The prints of what was taken in last. When a connection ends nobody knows which
  // acknowledgements the broker had read; what it gives again is of these, and known then.
  std::deque<std::size_t> recent_;
  std::unordered_map<std::size_t, std::uint32_t> known_;
  std::uint64_t repeated_ = 0;
  std::uint64_t filtered_ = 0;
  Published<Shown> shown_;
};

}  // namespace xylem
