#include "relay/session/acked_sender.h"

#include <fmt/format.h>

#include <algorithm>

#include "relay/base/check.h"

namespace xylem {

BatchNumber AckedSender::offer(std::uint64_t frame_bytes) {
  bytes_.push_back(frame_bytes);
  const BatchNumber number = acked_.after(bytes_.size());
  static_cast<void>(advance_to(answered_));
  return number;
}

void AckedSender::skip_to(BatchNumber number) {
  XYLEM_CHECK(bytes_.empty() && number > acked_, "what is offered is not skipped");
  acked_ = {number.value - 1};
  next_ = number;
  open_ = false;
}

std::uint64_t AckedSender::bytes_of(BatchNumber number) const {
  return bytes_[number.value - first_unacked().value];
}

Result<void> AckedSender::on_welcome(BatchNumber acked, Instant now) {
  if (auto taken = on_ack(acked, now); !taken) return taken;
  open_ = true;
  progress_at_ = now;
  go_back_to(first_unacked());
  return {};
}

Result<void> AckedSender::on_ack(BatchNumber acked, Instant now) {
  const BatchNumber offered = acked_.after(bytes_.size());
  if (acked > offered && !options_.recovered) {
    return fail(ErrorCode::refused, fmt::format("the relay acknowledged batch {}, but {} is the "
                                                "newest of this source",
                                                acked.value, offered.value));
  }
  answered_ = std::max(answered_, acked);
  if (advance_to(answered_)) progress_at_ = now;
  return {};
}

// As far as it was offered.
bool AckedSender::advance_to(BatchNumber acked) {
  const BatchNumber before = acked_;
  for (; acked_ < acked && !bytes_.empty(); acked_ = acked_.after(1)) {
    if (first_unacked() < next_) {
      under_way_bytes_ -= bytes_.front();
    } else {
      next_ = next_.after(1);  // sent before a connection ended, and answered for after all
    }
    bytes_.pop_front();
  }
  if (acked_ != before) refusals_ = 0;
  return acked_ != before;
}

std::optional<BatchNumber> AckedSender::on_refused() {
  const bool alone = goes_singly() && next_ == first_unacked().after(1);
  suspects_end_ = std::max(suspects_end_, BatchNumber{next_.value - 1});
  if (!alone || ++refusals_ < kRefusalsMax) return std::nullopt;
  refusals_ = 0;
  return first_unacked();
}

void AckedSender::on_missing(BatchNumber from) {
  if (from > acked_ && from < next_) go_back_to(from);
}

void AckedSender::go_back_to(BatchNumber number) {
  while (next_ > number) {
    next_ = {next_.value - 1};
    under_way_bytes_ -= bytes_of(next_);
  }
}

std::optional<BatchNumber> AckedSender::next(Instant now) {
  if (!open_ || bytes_.empty()) return std::nullopt;
  if (next_ == first_unacked()) progress_at_ = now;  // nothing is under way to be waited for
  if (now - progress_at_ > options_.patience) {
    go_back_to(first_unacked());
    progress_at_ = now;
  }
  const bool all_sent = next_.value - first_unacked().value == bytes_.size();
  if (all_sent || under_way_bytes_ >= options_.window_bytes) return std::nullopt;
  if (goes_singly() && next_ != first_unacked()) return std::nullopt;
  const BatchNumber number = next_;
  under_way_bytes_ += bytes_of(number);
  next_ = next_.after(1);
  resent_ += number <= newest_sent_;
  newest_sent_ = std::max(newest_sent_, number);
  return number;
}

}  // namespace xylem
