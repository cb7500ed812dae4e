#pragma once

#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "relay/agent/agent.h"
#include "relay/base/log.h"
#include "relay/egress/block_budget.h"
#include "relay/egress/plain_copies.h"
#include "relay/egress/stream_subscriber.h"
#include "relay/egress/subscriber_shares.h"
#include "relay/history/history_link.h"
#include "relay/metrics/published.h"
#include "relay/pipeline/edge.h"
#include "relay/pipeline/retention.h"
#include "relay/pipeline/tap_board.h"
#include "relay/pipeline/tap_set.h"
#include "relay/session/subscription_session.h"
#include "relay/transport/socket.h"

namespace xylem {

// The stream endpoint (ZMQ ROUTER; docs/protocol.md §5): each subscriber has a session and a tap,
// gets batches as its credit allows, and a gap notice in the place of what its tap let go of. One
// that asks for the past gets that first, from memory or from the relay's log.
class StreamEgress final : public Agent {
 public:
  struct Options {
    std::vector<Address> listen;
    SubscriptionSession::Limits limits;
    SubscriberShares::Limits shares;
    // What all taps may hold together.
    std::uint64_t taps_bytes_max = std::uint64_t{512} << 20;
    // What libzmq may hold for all subscribers together, of batches; 0: half of taps_bytes_max.
    // Once that is reached, none is sent more that has its share of it there, or `pipe_bytes_min`
    // if that is more.
    std::uint64_t pipes_bytes_max = 0;
    std::uint64_t pipe_bytes_min = std::uint64_t{256} << 10;
    Retention::Options retention;
    // A subscriber with the policy `block` that has held everything up for so long is demoted to
    // drop_oldest; 0: never.
    Duration block_deadline = std::chrono::seconds(30);
  };
  // All must outlive the agent. `history` reads the relay's log for those who go back further than
  // memory; nullptr without one.
  StreamEgress(Options options, Context& context, SinkEdge& edge, BlockBudget& block_budget,
               Epoch epoch, const Clock& clock, HistoryLink* history = nullptr);

  [[nodiscard]] std::string_view name() const override { return "stream"; }
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
  // For subscribers that come from now on. One thread at a time, any.
  void set_limits(const SubscriptionSession::Limits& limits) { limits_.publish(limits); }

 private:
  using Subscriber = StreamSubscriber;
  enum class RefusedFrame : std::uint8_t { malformed, unexpected, hello, credit };
  static constexpr std::size_t kRefusedFrames = 4;
  static constexpr std::array<std::string_view, kRefusedFrames> kRefusedFrameNames{
      "malformed", "unexpected", "hello", "credit"};
  static constexpr std::int64_t kControlFrameBytesMax = 128 << 10;
  static constexpr std::size_t kControlsPerTurn = 256;
  // In bytes of controls; a Hello costs more than what it says.
  static constexpr std::size_t kControlCostPerTurn = std::size_t{64} << 10;
  static constexpr std::size_t kHelloCost = std::size_t{4} << 10;
  // Of TapSet::offer(): about a millisecond.
  static constexpr std::size_t kMatchingPerTurn = std::size_t{1} << 20;
  static constexpr std::size_t kFilterShown = 256;  // bytes of a text that can have 60 KiB
  static constexpr std::size_t kBatchesPerTurn = 16;
  // Of a turn's sending: what each gets, and all together.
  static constexpr std::uint64_t kPeerBytesPerTurn = std::uint64_t{1} << 20;
  static constexpr std::uint64_t kBytesPerTurn = std::uint64_t{8} << 20;
  // Likewise of those who are behind, who go on where the turn before ended; a quarter for each.
  static constexpr std::size_t kPastMatchingPerTurn = kMatchingPerTurn / 2;
  static constexpr std::uint64_t kPastBytesPerTurn = kBytesPerTurn / 2;
  // libzmq does not say when it has written what it had.
  static constexpr Duration kPipeInterval = std::chrono::milliseconds(2);
  static constexpr int kRoundsPerDrain = 64;

  using Subscribers = std::map<std::string, std::unique_ptr<Subscriber>, std::less<>>;

  std::size_t read_controls(Instant now);
  void on_frame(const std::string& peer, const Frame& frame, Instant now);
  void on_hello(const std::string& peer, const std::string& address, const Hello& hello,
                Instant now);
  [[nodiscard]] Result<SubscriptionSession> accept(const std::string& address, const Hello& hello,
                                                   Instant now);
  void on_credit(const std::string& peer, const Credit& credit, Instant now);
  SendOutcome say(const std::string& peer, const Control& control);
  SendOutcome tell_to_leave(const std::string& peer);
  void say_bye(const std::string& peer, ByeReason reason, std::string text);
  // Counts, logs, says Bye, and lets the subscriber go if it is one.
  void refuse(const std::string& peer, RefusedFrame what, const Frame& frame,
              const std::string& why);

  std::size_t take_batches();
  std::size_t serve_all();
  // What a turn has spent on those who are behind.
  struct Spent {
    std::size_t steps = 0;
    std::uint64_t bytes = 0;
  };
  // Adds to `bytes` what it sent.
  std::size_t serve(const std::string& peer, Subscriber& subscriber, std::uint64_t& bytes);
  std::size_t offer(const BatchRef& batch);
  [[nodiscard]] bool any_in_need_can_be_sent() const;
  [[nodiscard]] bool has_room_in_pipe(const Subscriber& subscriber) const;
  [[nodiscard]] bool may_send(const Subscriber& subscriber) const {
    return subscriber.session.may_send() && has_room_in_pipe(subscriber);
  }
  std::size_t catch_up();
  [[nodiscard]] std::size_t catch_up(const std::string& peer, Subscriber& subscriber, Spent& spent);
  WayBack& leave_behind(Subscriber& subscriber);
  void begin(Subscriber& subscriber, const Hello& hello);
  void welcome(const std::string& peer, Subscriber& subscriber);
  [[nodiscard]] bool send_front(const std::string& peer, Subscriber& subscriber);
  [[nodiscard]] Frame front_of(const Subscriber& subscriber);
  void let_go_of_the_lost();  // whoever is gone, silent or too slow
  void probe_the_stuck();     // and those who wait for their Welcome hear that we live
  void look_for_the_slow();
  void review(Instant now);
  Subscribers::iterator let_go(Subscribers::iterator subscriber, const Bye& bye);
  Subscribers::iterator remove(Subscribers::iterator subscriber);
  void show();

  Options options_;
  Context& context_;
  SinkEdge& edge_;
  BlockBudget& block_budget_;
  Epoch epoch_;
  const Clock& clock_;
  HistoryLink* history_;
  DistinctLog log_;
  DistinctLog arrivals_log_;  // and departures, by the names of subscribers
  Published<SubscriptionSession::Limits> limits_;
  std::optional<Socket> socket_;
  std::vector<Address> bound_;
  int fd_ = -1;
  std::mt19937_64 session_ids_;

  std::string served_last_;     // where the next turn's sending goes on
  std::string caught_up_last_;  // likewise of those who are behind
  std::shared_ptr<InPipes> in_pipes_ = std::make_shared<InPipes>();
  bool waits_for_pipe_ = false;  // somebody, since the turn began
  Instant turn_at_;
  PlainCopies plain_;  // of this turn
  SubscriberShares shares_;
  std::size_t control_cost_ = 0;  // of this turn
  TapSet taps_;                   // before those whose taps have its memory
  Subscribers subscribers_;  // by ZeroMQ routing id; libzmq makes these, and they are never shown
  Retention retention_;      // whose next() is the first sequence that has not passed here
  Instant last_review_;
  Instant now_;  // of the last review
  bool stopping_ = false;

  TapBoard board_{"stream"};
  std::atomic<std::uint64_t> subscribers_shown_{0};
  std::atomic<std::uint64_t> demoted_{0};
  std::atomic<std::uint64_t> behind_shown_{0};
  std::atomic<std::uint64_t> retained_bytes_{0};
  std::atomic<std::uint64_t> held_bytes_{0};
  std::atomic<std::uint64_t> squeezes_{0};
  std::atomic<std::uint64_t> pattern_words_{0};
  std::array<std::atomic<std::uint64_t>, kRefusedFrames> refused_{};
};

}  // namespace xylem
