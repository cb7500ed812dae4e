#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "relay/base/ids.h"

namespace xylem {

// The relay's end of one source's acked link: takes each batch once and in order, and knows what to
// answer. No socket, no clock. One owner thread. The rules of the other end are AckedSender's.
class AckedReceiver {
 public:
  // `next` is the first batch that this relay, or what it recovered, does not have.
  explicit AckedReceiver(BatchNumber next) : next_(next), done_{next.value - 1} {}

  // The source connected; everything before `first_unacked` was answered for, by this relay or by
  // one before it. REQUIRES first_unacked >= 1.
  void on_hello(BatchNumber first_unacked);

  // From now on an ack means more than it did: nothing from `first_unacked` on is done until
  // on_done() says so again.
  void raise_level(BatchNumber first_unacked) {
    done_ = std::min(done_, BatchNumber{first_unacked.value - 1});
  }

  enum class Verdict : std::uint8_t {
    take,  // the next one; the caller hands it on, and says on_done() when it is where it must be
    duplicate,  // had already; to be dropped and counted
    hole        // a batch before it has not come; to be dropped, it will come again
  };
  [[nodiscard]] Verdict on_batch(BatchNumber number);
  // Everything taken up to `number` has reached the ack level. REQUIRES that it was taken.
  void on_done(BatchNumber number);

  // What to tell the source: what is done, and whether next() is missing, which is said once until
  // it comes, and again when what is behind it comes again: the answer was lost. Empty if nothing
  // is new.
  struct Answer {
    BatchNumber acked;
    std::optional<BatchNumber> missing;
  };
  [[nodiscard]] std::optional<Answer> take_answer();

  [[nodiscard]] BatchNumber acked() const { return done_; }
  [[nodiscard]] BatchNumber next() const { return next_; }

 private:
  BatchNumber next_;
  BatchNumber done_;
  BatchNumber newest_in_hole_;  // that came behind next() while that is missing; 0: none has
  bool say_missing_ = false;
  bool say_acked_ = false;
};

}  // namespace xylem
