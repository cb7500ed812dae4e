#pragma once

#include <cstdint>
#include <string>

#include "relay/base/clock.h"
#include "relay/base/result.h"
#include "relay/codec/control_codec.h"
#include "relay/event/topic_filter.h"

namespace xylem {

// The relay's end of one stream subscription (docs/protocol.md §5): who it is, what it may still be
// sent, whether it is alive. No socket, no clock; the time is an argument. One owner thread.
class SubscriptionSession {
 public:
  struct Limits {
    std::uint64_t credit_bytes_max = std::uint64_t{64} << 20;
    std::uint64_t tap_bytes_max = std::uint64_t{64}
                                  << 20;               // the default of a Hello that asks for none
    std::uint64_t tap_events_max = 1'000'000;          // likewise
    Duration heartbeat = std::chrono::seconds(5);      // asked of the subscriber
    Duration idle_timeout = std::chrono::seconds(60);  // silence after which it is let go
  };

  // Errors: refused (protocol, sizes, name), bad_pattern. The sentence goes into the Bye.
  static Result<SubscriptionSession> accept(const Hello& hello, const Limits& limits,
                                            std::uint64_t session, Instant now);

  // Errors: refused, if the subscriber grants more than credit_bytes_max ahead of what was sent, or
  // takes credit back.
  [[nodiscard]] Result<void> on_credit(const Credit& credit, Instant now);
  // One frame may go out whenever this holds, so credit can be overdrawn by one frame.
  [[nodiscard]] bool may_send() const { return sent_bytes_ < granted_bytes_; }
  void on_sent(std::uint64_t frame_bytes) { sent_bytes_ += frame_bytes; }
  // The relay itself was away, so silence says nothing.
  void excuse(Instant now) { last_heard_ = now; }
  // Bytes that the subscriber has consumed, as far as its grants say: it grants the Hello's credit
  // anew for what it consumed.
  [[nodiscard]] std::uint64_t consumed_bytes() const { return granted_bytes_ - first_credit_; }
  [[nodiscard]] std::uint64_t sent_bytes() const { return sent_bytes_; }
  [[nodiscard]] bool is_silent(Instant now) const {
    return now - last_heard_ > limits_.idle_timeout;
  }

  [[nodiscard]] Welcome welcome(Epoch epoch, Sequence next) const;
  [[nodiscard]] std::uint64_t id() const { return session_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const TopicFilter& filter() const { return filter_; }
  [[nodiscard]] Overflow overflow() const { return overflow_; }
  // Whether it takes batches of encoding `shaped` as they are.
  [[nodiscard]] bool reads_shapes() const { return reads_shapes_; }
  [[nodiscard]] std::uint64_t tap_bytes_max() const { return tap_bytes_max_; }
  [[nodiscard]] std::uint64_t tap_events_max() const { return tap_events_max_; }

 private:
  SubscriptionSession() = default;
  Limits limits_;
  std::uint64_t session_ = 0;
  std::string name_;
  TopicFilter filter_;
  Overflow overflow_ = Overflow::drop_oldest;
  bool reads_shapes_ = false;
  std::uint64_t tap_bytes_max_ = 0;
  std::uint64_t tap_events_max_ = 0;
  std::uint64_t first_credit_ = 0;
  std::uint64_t granted_bytes_ = 0;
  std::uint64_t sent_bytes_ = 0;
  Instant last_heard_;
};

}  // namespace xylem
