#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "relay/base/clock.h"
#include "relay/codec/control_codec.h"

namespace xylem {

// The subscriber's end of a stream subscription (docs/protocol.md §5): says Hello, grants credit as
// frames are consumed, keeps the relay assured that it lives, and knows where it is in the order,
// so that a reconnect is reported as a gap. No socket, no clock; the time is an argument. One owner
// thread. What to do next is returned, never performed:
//
//   Send       a control frame for the relay
//   Leave      send a Bye and drop the connection; a Reconnect follows after a pause
//   Reconnect  drop the connection and make a new one, then call on_connected()
//   GiveUp     the relay said no, and asking again would be answered alike
class ReceiveSession {
 public:
  struct Options {
    Hello hello;  // its credit_bytes is the window kept open
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

  explicit ReceiveSession(Options options) : options_(std::move(options)) {}

  // A new connection stands (or is being made; ZeroMQ queues): the Hello to send.
  [[nodiscard]] Step on_connected(Instant now);
  // A control frame came. A Gap is for the caller as well: the caller reports it; here it only
  // moves the position.
  [[nodiscard]] Step on_control(const Control& control, Instant now);
  // A batch came and was consumed. `frame_bytes` is what credit counts.
  [[nodiscard]] Step on_batch(Epoch epoch, Sequence last, std::uint64_t frame_bytes, Instant now);
  // Nothing came; call at least every second.
  [[nodiscard]] Step on_idle(Instant now);

  [[nodiscard]] bool is_open() const { return session_ != 0; }
  // The gap that the last Welcome revealed, once: events of the time without a connection.
  [[nodiscard]] std::optional<Gap> take_reconnect_gap();
  // The relay's newest sequence that is known of, for lag.
  [[nodiscard]] Sequence newest_known() const { return newest_known_; }

 private:
  [[nodiscard]] Step grant(bool answer, Instant now);
  void open(const Welcome& welcome, Instant now);

  Options options_;
  std::uint64_t session_ = 0;
  Duration heartbeat_{0};
  std::uint64_t granted_bytes_ = 0;
  std::uint64_t consumed_bytes_ = 0;
  Instant last_heard_;
  Instant last_said_;
  Instant last_awake_;
  std::optional<Instant> come_back_at_;
  bool been_open_ = false;
  Epoch epoch_;
  Sequence expected_;  // the first sequence not yet accounted for
  Sequence newest_known_;
  std::optional<Gap> reconnect_gap_;
};

}  // namespace xylem
