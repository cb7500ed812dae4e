#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>

#include "relay/base/clock.h"
#include "relay/base/ids.h"
#include "relay/base/result.h"

namespace xylem {

// The sending end of an acked link: numbers a source's batches and knows, for each, whether it may
// go, must go again, or is the relay's by now. It keeps no batches: the caller holds each from
// offer() until its number is at or below acked(). No socket, no clock; the time is an argument.
// One owner thread.
//
// What is lost on the way goes again from the first missing batch on (go-back-n): when the relay
// says which it misses, when nothing was acked for `patience`, and on each new connection. The
// relay drops what it has already (AckedReceiver), so sending again is never wrong.
class AckedSender {
 public:
  struct Options {
    // Sent and not acked; the last batch may reach beyond.
    std::uint64_t window_bytes = std::uint64_t{8} << 20;
    // Longer than the ack level takes: a relay that only syncs slowly would get everything twice.
    Duration patience = std::chrono::seconds(2);
    // A life before this one may have sent more under this source's name than `first` knows of: the
    // relay may then answer for batches that are still to be offered.
    bool recovered = false;
  };
  // `first` is the first batch that is to be offered; 1, or where a recovered cursor stands.
  explicit AckedSender(Options options, BatchNumber first = {1})
      : options_(options), acked_{first.value - 1}, next_(first), newest_sent_(acked_) {}

  // A batch that is to be carried: its number.
  BatchNumber offer(std::uint64_t frame_bytes);
  // The first batch that the relay has not answered for; the Hello names it.
  [[nodiscard]] BatchNumber first_unacked() const { return acked_.after(1); }

  // Batches before `number` are no more and never will be offered. A connection says Hello again
  // after it. REQUIRES that nothing is unacked.
  void skip_to(BatchNumber number);
  // Whether the window has room for another batch; what is offered beyond only waits.
  [[nodiscard]] bool window_open() const {
    return open_ && next_.value - first_unacked().value == bytes_.size() &&
           under_way_bytes_ < options_.window_bytes;
  }
  // The relay's window, if it is narrower than one's own.
  void narrow_window(std::uint64_t bytes) {
    options_.window_bytes = std::min(options_.window_bytes, bytes);
  }

  // A new connection stands; nothing goes before the relay's Welcome.
  void on_connected() { open_ = false; }
  // The relay says Welcome: it has everything up to `acked`. Errors: refused, if that was never
  // offered, by a life before this one neither; the relay means another source.
  [[nodiscard]] Result<void> on_welcome(BatchNumber acked, Instant now);
  // Everything up to `acked` has reached the ack level. Old news is no error. Errors: as above.
  [[nodiscard]] Result<void> on_ack(BatchNumber acked, Instant now);
  // The relay refused a frame and ended the connection; which one it does not say. From now on one
  // batch goes at a time, until all that were under way are acknowledged. Answers with the batch
  // that was refused kRefusalsMax times alone: it always will be, and the caller puts an empty one
  // in its place.
  [[nodiscard]] std::optional<BatchNumber> on_refused();
  // The relay got a later batch than `from`, but not `from`.
  void on_missing(BatchNumber from);

  // The batch to send now, if any. Once asked, it counts as sent.
  [[nodiscard]] std::optional<BatchNumber> next(Instant now);

  [[nodiscard]] BatchNumber acked() const { return acked_; }
  [[nodiscard]] std::uint64_t unacked_batches() const { return bytes_.size(); }
  // Batches that went more than once.
  [[nodiscard]] std::uint64_t resent() const { return resent_; }

 private:
  static constexpr int kRefusalsMax = 3;

  [[nodiscard]] bool goes_singly() const { return first_unacked() <= suspects_end_; }
  [[nodiscard]] std::uint64_t bytes_of(BatchNumber number) const;
  [[nodiscard]] bool advance_to(BatchNumber acked);
  void go_back_to(BatchNumber number);

  Options options_;
  bool open_ = false;
  BatchNumber acked_;
  BatchNumber answered_;             // by the relay; beyond what was offered only if recovered
  std::deque<std::uint64_t> bytes_;  // of each batch after acked_, in order
  BatchNumber next_;                 // to be sent
  BatchNumber newest_sent_;
  std::uint64_t under_way_bytes_ = 0;  // from first_unacked() to before next_
  Instant progress_at_;
  BatchNumber suspects_end_;  // the newest that was under way when the relay refused one
  int refusals_ = 0;          // of the first unacknowledged batch, sent alone
  std::uint64_t resent_ = 0;
};

}  // namespace xylem
