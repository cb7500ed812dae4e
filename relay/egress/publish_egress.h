#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "relay/agent/agent.h"
#include "relay/pipeline/edge.h"
#include "relay/pipeline/tap_board.h"
#include "relay/transport/socket.h"

namespace xylem {

// The publish endpoint (ZMQ XPUB; docs/protocol.md §6): two frames, [routing key][body], one event
// each, to whoever subscribed to a prefix of the key. Best effort: libzmq keeps a queue per
// subscriber. When one is found full, the event that found it so is counted as
// dropped(subscriber_full), and the others get it; what that subscriber misses from there until it
// has read again, libzmq drops without a word. `delivered` therefore means: handed to libzmq.
// Replayed events are for nobody here, and are counted as filtered.
class PublishEgress final : public Agent {
 public:
  struct Options {
    std::vector<Address> listen;
    int send_hwm = 10'000;  // events per subscriber that wait in libzmq
    // drop_newest: as above. block: wait until every subscriber has room.
    bool block = false;
  };
  PublishEgress(Options options, Context& context, SinkEdge& edge);

  [[nodiscard]] std::string_view name() const override { return "publish"; }
  [[nodiscard]] Result<void> on_start() override;
  [[nodiscard]] std::size_t do_work(Instant now) override;
  [[nodiscard]] bool has_work() override;
  void wait_fds(std::vector<int>& fds) const override;
  [[nodiscard]] Drain drain(Instant now) override;
  [[nodiscard]] std::uint64_t on_stop() override;

  [[nodiscard]] const std::vector<Address>& bound() const { return bound_; }
  // Any thread.
  void sample(Samples& samples, std::int64_t now_us) const;
  [[nodiscard]] const TapBoard& board() const { return board_; }

 private:
  static constexpr std::int64_t kSubscriptionFrameBytesMax = 4 << 10;
  static constexpr std::size_t kSubscriptionsPerTurn = 256;
  static constexpr std::size_t kBatchesPerTurn = 8;
  static constexpr int kRoundsPerDrain = 64;

  std::size_t read_subscriptions();
  [[nodiscard]] bool wanted(std::string_view key) const;
  void begin(BatchRef batch);
  [[nodiscard]] bool send_rest();  // false if a subscriber's full queue makes us wait
  [[nodiscard]] SendOutcome send_event(std::string_view key, std::string_view body);
  void show();

  Options options_;
  Context& context_;
  SinkEdge& edge_;
  std::optional<Socket> socket_;
  std::vector<Address> bound_;
  int fd_ = -1;
  std::set<std::string, std::less<>> prefixes_;

  // The batch at hand and how far it has been sent.
  BatchRef batch_;
  std::size_t next_entry_ = 0;
  std::vector<bool> key_wanted_;
  TapFigures figures_;

  TapBoard board_{"publish"};
  std::shared_ptr<TapEntry> entry_;
  std::atomic<std::uint64_t> prefixes_shown_{0};
};

}  // namespace xylem
