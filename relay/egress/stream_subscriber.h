#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "relay/base/clock.h"
#include "relay/history/way_back.h"
#include "relay/pipeline/tap.h"
#include "relay/pipeline/tap_board.h"
#include "relay/pipeline/tap_set.h"
#include "relay/session/subscription_session.h"
#include "relay/transport/frame.h"

namespace xylem {

// What the stream endpoint knows of one subscriber: its session, its tap, and, while it is behind,
// its way back to the present. A subscriber is either live, its tap among those that every batch is
// offered to, or behind: then its tap gets a piece of the past whenever that can leave at once, so
// that what it misses waits in the log and not in memory. One owner thread.
class StreamSubscriber {
 public:
  // `from` is the address of its peer, empty for a local socket.
  StreamSubscriber(SubscriptionSession made, Tap::Options options, TapMemory* memory = nullptr,
                   std::string from = {})
      : session(std::move(made)), tap(options, memory, from), address(std::move(from)) {}

  SubscriptionSession session;
  Tap tap;
  std::string address;
  std::shared_ptr<TapEntry> entry;
  std::optional<WayBack> behind;
  // Frames sent and not yet known to be consumed: where each ends in sent bytes, and its events.
  // Bounded by credit.
  std::deque<std::pair<std::uint64_t, std::uint64_t>> under_way;
  // What libzmq has of them still.
  std::shared_ptr<InPipes> in_pipe = std::make_shared<InPipes>();
  bool unreachable = false;
  bool pipe_full = false;  // libzmq's queue to it had no room for what was last tried
  bool told_to_leave = false;
  bool welcomed = false;  // not before it is known where it begins

  void forget_consumed();
  [[nodiscard]] std::uint64_t events_under_way() const;

  // Which events it has been sent, or named as missing: all that lie before this place. `now` and
  // `next` are where those are that come next for everybody.
  [[nodiscard]] Alive alive(Epoch now, Sequence next) const;

  // Moves a piece of the past into the tap, if there is one and it may be sent. Returns what it
  // cost, in the steps of TapSet::offer(); 0 if there was none.
  [[nodiscard]] std::size_t catch_up(TapSet& taps);
  [[nodiscard]] bool can_catch_up() const { return may_catch_up() && behind->has_next(); }

  // For the log: "3 events, 900 bytes of 4096, 1.5 s behind".
  [[nodiscard]] std::string how_far_behind(std::int64_t wall_us) const;

  // How it fares, looked at now and then.
  enum class Complaint : std::uint8_t {
    none,
    slow,    // has just come to hold more than half of what its tap may
    blocked  // has held up everybody for longer than it may
  };
  // Whether anything comes behind what the taps have: only then one that blocks holds it up.
  enum class Live : std::uint8_t { flows, waits };
  [[nodiscard]] Complaint review(Instant now, Duration block_deadline, Live live);

 private:
  [[nodiscard]] bool may_catch_up() const {
    return behind && welcomed && tap.empty() && session.may_send() && !unreachable;
  }

  bool moved_ = false;  // on its way back, since the last review
  bool slow_ = false;
  std::optional<Instant> blocked_since_;
};

}  // namespace xylem
