#include "relay/session/acked_receiver.h"

#include "relay/base/check.h"

namespace xylem {

void AckedReceiver::on_hello(BatchNumber first_unacked) {
  if (first_unacked > next_) {
    next_ = first_unacked;
    done_ = {first_unacked.value - 1};
  }
  newest_in_hole_ = {};
  say_missing_ = false;
  say_acked_ = false;  // the Welcome says it
}

AckedReceiver::Verdict AckedReceiver::on_batch(BatchNumber number) {
  if (number == next_) {
    next_ = next_.after(1);
    newest_in_hole_ = {};
    say_missing_ = false;
    return Verdict::take;
  }
  if (number < next_) {
    say_acked_ = true;  // an ack may have been lost
    return Verdict::duplicate;
  }
  // The first behind the hole, or one that comes again because the source has not heard of it.
  if (newest_in_hole_ == BatchNumber{} || number <= newest_in_hole_) say_missing_ = true;
  newest_in_hole_ = number;
  return Verdict::hole;
}

void AckedReceiver::on_done(BatchNumber number) {
  XYLEM_CHECK(number < next_, "only what was taken is done");
  if (number <= done_) return;
  done_ = number;
  say_acked_ = true;
}

std::optional<AckedReceiver::Answer> AckedReceiver::take_answer() {
  if (!say_acked_ && !say_missing_) return std::nullopt;
  Answer answer{done_, std::nullopt};
  if (say_missing_) answer.missing = next_;
  say_acked_ = say_missing_ = false;
  return answer;
}

}  // namespace xylem
