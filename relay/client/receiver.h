#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "relay/base/clock.h"
#include "relay/base/result.h"
#include "relay/codec/control_codec.h"
#include "relay/event/batch.h"
#include "relay/session/receive_session.h"
#include "relay/transport/socket.h"

namespace xylem {

// Receives events from a relay's stream endpoint: patterns, whole batches or event by event, gap
// notices, reconnects by itself. Nothing runs behind the caller's back: it works inside its
// methods, on the thread that made it, and must be called again within the relay's idle timeout (60
// s).
//
// Over a reconnect it misses nothing that the relay still has: it asks for all from where it was,
// of the epoch before if the relay was restarted, and what is no longer there is a gap. Within one
// epoch no event is given twice.
class Receiver {
 public:
  struct Options {
    Address relay;                      // a stream endpoint
    std::string name;                   // for people, shown by the relay
    std::vector<std::string> patterns;  // AMQP topic patterns; none means '#'
    Overflow overflow = Overflow::drop_oldest;
    std::uint64_t tap_bytes_max = 0;  // what the relay holds for us; 0: its default
    std::uint64_t tap_events_max = 0;
    std::uint64_t credit_bytes = std::uint64_t{4} << 20;
    Duration answer_timeout = std::chrono::seconds(5);
    // Where to begin, if not with what comes from now on: with this event, or, if from_epoch is 0,
    // with what the relay took in at `since_us` (wall clock, microseconds; 0: now).
    Epoch from_epoch{};
    Sequence from_sequence{};
    std::int64_t since_us = 0;
    // After a reconnect go on where the connection ended. Off: go on with what is new, and report a
    // gap for the time between.
    bool resume = true;
  };
  // One event; views are valid while its handler runs.
  struct Event {
    Epoch epoch;
    Sequence sequence;
    std::string_view key;           // "task.failed"
    std::string_view body;          // its JSON object, byte for byte
    std::int64_t timestamp_us = 0;  // the event's own, 0 if it has none
    std::int64_t received_us = 0;   // the relay's wall clock when it took the event in
    bool replayed = false;          // of the past, sent again
  };
  [[nodiscard]] static Event event_of(const Batch& batch, const EventEntry& entry);
  using Handler = std::function<void(const Event&)>;
  using GapHandler = std::function<void(const Gap&)>;

  // `context` and `clock` must outlive the receiver.
  Receiver(Options options, Context& context, const Clock& clock);

  // Connects; after a close() it goes on as after a reconnect. The relay need not be there yet, but
  // its name must have an address. A name is looked up here and at each reconnect, on the caller's
  // thread; with the resolver away a reconnect goes to where the relay was.
  // Errors: bad_address, io.
  [[nodiscard]] Result<void> open();

  // Celery's Receiver: `type` is an event type, or "*" for those without a handler of their own.
  void on(std::string_view type, Handler handler);
  // What is missing, in its place in the order. A count of 0 means: unknown (a reconnect).
  void on_gap(GapHandler handler) { on_gap_ = std::move(handler); }

  // Handles events until `limit` were (0: no limit) or nothing came for `quiet` (0: no limit);
  // returns how many. What is left of a batch is for the next capture(). Errors: refused, when the
  // relay does not want this subscription.
  [[nodiscard]] Result<std::uint64_t> capture(std::uint64_t limit, Duration quiet);
  // The next batch, or nothing when `timeout` passed; gaps go to on_gap. Errors: refused.
  [[nodiscard]] Result<BatchRef> receive(Duration timeout);
  // Makes capture() return soon; any thread, also a signal handler.
  void stop() { stopped_.store(true, std::memory_order_relaxed); }
  // Says goodbye, so that the relay lets go at once.
  void close();

  [[nodiscard]] bool is_connected() const { return session_.is_open(); }
  // All that the relay had when it last welcomed us has been received, or reported as a gap.
  [[nodiscard]] bool is_at_present() const { return session_.is_at_present(); }
  // Frames that made no sense; they are passed over.
  [[nodiscard]] std::uint64_t malformed_frames() const { return malformed_frames_; }
  // Events that the relay sent although they had come before; they are passed over.
  [[nodiscard]] std::uint64_t repeated_events() const { return repeated_events_; }

 private:
  [[nodiscard]] Result<void> connect();
  [[nodiscard]] Result<void> perform(const ReceiveSession::Step& step);
  [[nodiscard]] Result<BatchRef> take(const Frame& frame);
  [[nodiscard]] Result<BatchRef> take_batch(const Frame& frame, Instant now);
  [[nodiscard]] Result<BatchRef> take_unreadable(const Frame& frame, std::string_view why,
                                                 Instant now);
  [[nodiscard]] bool wait_readable(Duration timeout);
  // Hands out what is left of the batch at hand, `most` events at most; returns how many.
  std::uint64_t handle_rest(std::uint64_t most);
  void report_reconnect_gap();

  Options options_;
  Context& context_;
  const Clock& clock_;
  ReceiveSession session_;
  std::optional<Address> found_;  // the relay's address, as it was looked up last
  std::optional<Socket> socket_;
  std::map<std::string, Handler, std::less<>> handlers_;  // by routing key
  Handler any_;
  GapHandler on_gap_;
  BatchRef at_hand_;  // by capture()
  std::size_t next_entry_ = 0;
  std::atomic<bool> stopped_{false};
  std::uint64_t malformed_frames_ = 0;
  std::uint64_t repeated_events_ = 0;
};

}  // namespace xylem
