#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "relay/base/clock.h"
#include "relay/codec/control_codec.h"

namespace xylem {

// The subscriber's end of a stream subscription (docs/protocol.md §5): says Hello, grants credit as
// frames are consumed, keeps the relay assured that it lives, and knows its place in the order: the
// first event that it cannot account for. No socket, no clock; the time is an argument. One owner
// thread.
//
// On a new connection it asks for everything from its place on (unless `resume` is off), and takes
// the Welcome's word for where the relay begins. Begins it later, or in another epoch, then what
// lies between is a gap of reason `reconnect`. Within one epoch nothing is taken twice: events of a
// batch that lie before the place were accounted for (first_new() says where the new ones begin). A
// batch of another epoch ends the one before: a relay sends the rest of an old epoch first.
//
// What to do next is returned, never performed:
//
//   Send       a control frame for the relay
//   Leave      send a Bye and drop the connection; a Reconnect follows after a pause
//   Reconnect  drop the connection and make a new one, then call on_connected()
//   GiveUp     the relay said no, and asking again would be answered alike
class ReceiveSession {
 public:
  struct Options {
    // Its credit_bytes is the window kept open; what it asks of the past is where all begins.
    Hello hello;
    bool resume = true;  // a new connection goes on where the one before ended, not at the present
    Duration answer_timeout =
        std::chrono::seconds(5);                      // silence of the relay that means it is gone
    Duration heartbeat = std::chrono::seconds(2);     // unless the Welcome asks for more often
    Duration pause = std::chrono::milliseconds(250);  // before coming back to a relay that stopped
  };
  struct Send {
    Control control;
  };
  struct Leave {};
  struct Reconnect {
    std::string why;
  };
  struct GiveUp {
    Error error;
  };
  using Step = std::variant<std::monostate, Send, Leave, Reconnect, GiveUp>;

  explicit ReceiveSession(Options options);

  // A new connection stands (or is being made; ZeroMQ queues): the Hello to send.
  [[nodiscard]] Step on_connected(Instant now);
  // A control frame came. A Gap is for the caller as well: the caller reports it; here it only
  // moves the place.
  [[nodiscard]] Step on_control(const Control& control, Instant now);
  // The first event of this epoch that is not accounted for; what lies before it came already. Ask
  // before on_batch().
  [[nodiscard]] Sequence first_new(Epoch epoch) const {
    return epoch == at_.epoch ? at_.sequence : Sequence{1};
  }
  // A batch came and was consumed. `frame_bytes` is what credit counts.
  [[nodiscard]] Step on_batch(Epoch epoch, Sequence last, std::uint64_t frame_bytes, Instant now);
  // A frame came that cannot be read: its bytes were granted too. What it held is a gap from the
  // place on to whatever comes next; ask for that first.
  [[nodiscard]] Gap gap_of_unreadable() const {
    return {at_.epoch, at_.sequence, {}, 0, GapReason::unreadable};
  }
  [[nodiscard]] Step on_unreadable(std::uint64_t frame_bytes, Instant now) {
    return consumed(frame_bytes, now);
  }
  // Nothing came; call at least every second.
  [[nodiscard]] Step on_idle(Instant now);

  [[nodiscard]] bool is_open() const { return session_ != 0; }
  // All that the relay had when it last welcomed us is accounted for.
  [[nodiscard]] bool is_at_present() const { return session_ != 0 && present_ && at_ >= *present_; }
  // The gap that the last Welcome revealed, once: events of the time without a connection. If it
  // reaches into another epoch its end is not known: its last is 0.
  [[nodiscard]] std::optional<Gap> take_reconnect_gap();
  // The relay's newest sequence that is known of, for lag.
  [[nodiscard]] Sequence newest_known() const { return newest_.sequence; }

 private:
  // Before this event; epochs in their order.
  struct Place {
    Epoch epoch;
    Sequence sequence;
    friend constexpr auto operator<=>(const Place&, const Place&) = default;
  };

  [[nodiscard]] Step consumed(std::uint64_t frame_bytes, Instant now);
  [[nodiscard]] Step grant(bool answer, Instant now);
  [[nodiscard]] Step open(const Welcome& welcome, Instant now);
  void on_alive(const Alive& alive);
  [[nodiscard]] bool has_place() const { return at_.epoch != Epoch{}; }

  Options options_;
  std::uint64_t session_ = 0;
  Duration heartbeat_{0};
  std::uint64_t granted_bytes_ = 0;
  std::uint64_t consumed_bytes_ = 0;
  Instant last_heard_;
  Instant last_said_;
  Instant last_awake_;
  std::optional<Instant> come_back_at_;
  bool been_welcome_ = false;
  bool asked_for_past_ = false;  // by the Hello of this connection
  Place at_;                     // all that lies before is accounted for; epoch 0: nothing yet
  Place newest_;
  std::optional<Place> present_;  // what was newest when the relay welcomed us, once it is known
  std::optional<Gap> reconnect_gap_;
};

}  // namespace xylem
