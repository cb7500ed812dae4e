#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "relay/agent/agent.h"
#include "relay/amqp/broker_link.h"
#include "relay/amqp/confirm_window.h"
#include "relay/amqp/control_broadcast.h"
#include "relay/amqp/event_packer.h"
#include "relay/pipeline/tap_board.h"
#include "relay/spool/log_consumer.h"

namespace xylem {

// By which a source knows what a relay has published, and refuses it: an event goes through a
// broker once, so no two bridges can send it round.
inline constexpr std::string_view kAppId = "xylem";

// Publishes the log on an AMQP exchange, as Celery's dispatchers would (docs/amqp.md), and moves on
// only where the broker has confirmed. While the broker is away, or takes nothing, what comes waits
// in the spool, or is let go of by its policy.
class AmqpSink final : public Agent {
 public:
  struct Options {
    std::string exchange;  // and, or
    std::string queue;     // one that there is: classic, quorum or stream
    std::vector<std::string> patterns{"#"};
    EventPacker::Options packing;                     // its filter is made of the patterns
    Duration linger = std::chrono::milliseconds(20);  // for more to share a list with
    ConfirmWindow::Options window;
    Duration confirm_timeout = std::chrono::seconds(30);
    std::vector<std::string> on_connect;  // control commands
    [[nodiscard]] bool is_wanted() const { return !exchange.empty() || !queue.empty(); }
  };
  // Spool and clock must outlive the agent. Errors: bad_pattern, bad_configuration; io, no_space of
  // the cursor.
  [[nodiscard]] static Result<std::unique_ptr<AmqpSink>> open(const Options& options,
                                                              const BrokerOptions& broker,
                                                              Spool& spool, const Clock& clock,
                                                              std::uint64_t seed);

  [[nodiscard]] std::string_view name() const override { return "amqp sink"; }
  [[nodiscard]] Result<void> on_start() override;
  [[nodiscard]] std::size_t do_work(Instant now) override;
  [[nodiscard]] bool has_work() override;
  void wait_fds(std::vector<int>& fds) const override;
  [[nodiscard]] std::optional<Instant> due() const override;
  // Finished when all of the log is confirmed, or when nobody is there to take it: it stays in the
  // spool then.
  [[nodiscard]] Drain drain(Instant now) override;
  [[nodiscard]] std::uint64_t on_stop() override;

  // Any thread.
  void sample(Samples& samples, std::int64_t now_us) const;
  [[nodiscard]] const TapBoard& board() const { return board_; }
  [[nodiscard]] BrokerLink& link() { return link_; }
  [[nodiscard]] const BrokerLink& link() const { return link_; }

 private:
  static constexpr std::size_t kMessagesPerTurn = 256;
  static constexpr std::size_t kPackedMessages = 16;  // at once, but for those of a large batch
  static constexpr Duration kSaveInterval = std::chrono::milliseconds(100);

  AmqpSink(const Options& options, const BrokerOptions& broker,
           std::vector<ControlCommand> on_connect, Spool& spool, const Clock& clock,
           std::uint64_t seed);
  [[nodiscard]] Result<void> prepare(BrokerConnection& connection);
  [[nodiscard]] std::size_t listen(BrokerConnection& connection, Instant now);
  void on_frame(const BrokerFrame& frame, Instant now);
  void on_confirm(const Confirm& confirm, Instant now);
  void on_returned(const Returned& returned);
  [[nodiscard]] std::size_t publish(BrokerConnection& connection, Instant now);
  [[nodiscard]] Result<void> publish_one(BrokerConnection& connection,
                                         const PackedMessage& message);
  [[nodiscard]] bool is_ripe(Instant now);
  [[nodiscard]] bool pack_more(Instant now);
  void pack(const LogReader::Entry& entry, Instant now);
  void give_up(const Error& error);
  [[nodiscard]] LogPosition done() const;
  void save(Instant now);
  void show();
  void tell_refusals();

  Options options_;
  const Clock& clock_;
  DistinctLog log_;
  std::vector<ControlCommand> on_connect_;
  BrokerLink link_;
  LogConsumer consumer_;
  EventPacker packer_;
  ConfirmWindow window_;
  std::deque<PackedMessage> packed_;  // reused
  LogPosition begin_;                 // where the last life's cursor was: maybe inside a batch
  std::uint64_t read_events_ = 0;
  std::optional<Instant> ripe_at_;  // when what came after a pause has lingered
  Instant saved_at_;
  TapBoard board_{"amqp"};
  std::shared_ptr<TapEntry> entry_;
  struct Shown {
    ConfirmWindow::Counts counts;
    std::uint64_t outstanding = 0;
    std::uint64_t refused = 0;
    std::uint64_t forgotten = 0;
  };
  Published<Shown> shown_;
};

}  // namespace xylem
