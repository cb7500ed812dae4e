#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "relay/agent/agent.h"
#include "relay/egress/block_budget.h"
#include "relay/event/prefix_set.h"
#include "relay/pipeline/edge.h"
#include "relay/pipeline/tap_board.h"
#include "relay/transport/socket.h"

namespace xylem {

// The publish endpoint (ZMQ XPUB; docs/protocol.md §6): two frames, [routing key][body], one event
// each, to whoever subscribed to a prefix of the key. Best effort: libzmq keeps a queue per
// subscriber. When one is found full, the event that found it so is counted as
// dropped(subscriber_full), and the others get it; what that subscriber misses from there until it
// has read again, libzmq drops without a word. `delivered` therefore means: handed to libzmq.
// Replayed events are for nobody here, and are counted as filtered. A prefix that a peer cancels is
// forgotten only once nobody has it.
class PublishEgress final : public Agent {
 public:
  struct Options {
    std::vector<Address> listen;
    int send_hwm = 10'000;                              // events per subscriber that wait in libzmq
    std::size_t send_bytes_max = std::size_t{4} << 20;  // or bytes, in a native socket
    // drop_newest: as above. block: wait until every subscriber has room, as long as the relay's
    // budget for that allows.
    bool block = false;
  };
  // All must outlive the agent.
  PublishEgress(Options options, Context& context, SinkEdge& edge, BlockBudget& block_budget);

  [[nodiscard]] std::string_view name() const override { return "publish"; }
  [[nodiscard]] Result<void> on_start() override;
  [[nodiscard]] std::size_t do_work(Instant now) override;
  [[nodiscard]] bool has_work() override;
  void wait_fds(std::vector<int>& fds) const override;
  [[nodiscard]] std::optional<Instant> due() const override;
  [[nodiscard]] Drain drain(Instant now) override;
  [[nodiscard]] std::uint64_t on_stop() override;

  [[nodiscard]] const std::vector<Address>& bound() const { return bound_; }
  // Any thread.
  void sample(Samples& samples, std::int64_t now_us) const;
  [[nodiscard]] const TapBoard& board() const { return board_; }

 private:
  // A longer prefix than a key can be matches nothing; the rest is for ZMTP's own commands.
  static constexpr Duration kBudgetInterval = std::chrono::milliseconds(100);
  static constexpr std::int64_t kSubscriptionFrameBytesMax = 512;
  static constexpr std::size_t kSubscriptionsPerTurn = 256;
  static constexpr std::size_t kPrefixBytesMax = std::size_t{16} << 20;
  static constexpr std::size_t kPrefixOverheadBytes = 96;
  static constexpr std::size_t kBatchesPerTurn = 8;
  static constexpr std::size_t kEventsPerTurn = 2048;
  // Of PrefixSet::begins(), about a nanosecond each.
  static constexpr std::size_t kMatchingPerTurn = std::size_t{1} << 20;
  static constexpr int kRoundsPerDrain = 64;

  std::size_t read_subscriptions();
  void on_subscription(const Frame& frame);
  void add_prefix(std::string_view prefix);
  [[nodiscard]] bool wanted(std::string_view key, std::size_t& cost) const;
  // Returns what it cost to look for its keys.
  std::size_t begin(BatchRef batch);
  // At most so many events; false if a subscriber's full queue makes us wait.
  [[nodiscard]] bool send_some(std::size_t events_max);
  [[nodiscard]] SendOutcome send_event(std::string_view key, std::string_view body);
  void show();

  Options options_;
  Context& context_;
  SinkEdge& edge_;
  BlockBudget& block_budget_;
  Instant turn_at_;
  std::optional<Socket> socket_;
  std::vector<Address> bound_;
  int fd_ = -1;
  // What spares libzmq the events that nobody wants. Above kPrefixBytesMax it is given up for good,
  // and libzmq alone decides.
  PrefixSet prefixes_;
  std::size_t prefix_bytes_ = 0;
  bool everything_wanted_ = false;

  // The batch at hand and how far it has been sent.
  BatchRef batch_;
  std::size_t next_entry_ = 0;
  std::vector<bool> key_wanted_;
  TapFigures figures_;

  TapBoard board_{"publish"};
  std::shared_ptr<TapEntry> entry_;
  std::atomic<std::uint64_t> prefixes_shown_{0};
  std::atomic<std::uint64_t> prefix_bytes_shown_{0};
  std::atomic<std::uint64_t> cancels_{0};
};

}  // namespace xylem
