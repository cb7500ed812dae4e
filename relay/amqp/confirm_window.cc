#include "relay/amqp/confirm_window.h"

#include "relay/base/check.h"

namespace xylem {
namespace {
// A broker that said no once would say it again at once.
constexpr Duration kNackPause = std::chrono::seconds(1);
}  // namespace

void ConfirmWindow::add(PackedMessage message) {
  items_.push_back({std::move(message), {}, 0, false});
  ++unsent_;
}

const PackedMessage* ConfirmWindow::next(Instant now, std::int64_t wall_us) {
  if (!open()) return nullptr;
  while (!again_.empty() && now >= again_at_) {
    at_hand_ = again_.front();
    if (!pass_over_if_stale(item(at_hand_), wall_us)) return &item(at_hand_).message;
    again_.pop_front();
  }
  while (unsent_ != 0) {
    at_hand_ = first_id_ + items_.size() - unsent_;
    if (!pass_over_if_stale(item(at_hand_), wall_us)) return &item(at_hand_).message;
    --unsent_;
    forget_settled();
  }
  return nullptr;
}

bool ConfirmWindow::pass_over_if_stale(Item& waited, std::int64_t wall_us) {
  const std::int64_t stale_us = waited.message.stale_us;
  if (stale_us == 0 || wall_us <= stale_us) return false;
  counts_.stale += waited.message.events;
  waited.settled = true;
  return true;
}

void ConfirmWindow::sent(Instant now) {
  if (!again_.empty() && again_.front() == at_hand_) {
    again_.pop_front();
  } else {
    XYLEM_CHECK(unsent_ != 0, "what next() gave is sent");
    --unsent_;
  }
  Item& under_way = item(at_hand_);
  under_way.sent_at = now;
  counts_.resent += under_way.sendings++ != 0;
  bytes_ += under_way.message.body.size();
  by_tag_.emplace(next_tag_++, at_hand_);
}

void ConfirmWindow::on_confirm(std::uint64_t tag, bool multiple, bool acked, Instant now) {
  auto from = multiple ? by_tag_.begin() : by_tag_.find(tag);
  const auto to = by_tag_.upper_bound(tag);
  if (from == by_tag_.end() || (multiple && from->first > tag)) return;
  for (auto one = from; one != to; ++one) settle(one->second, acked, now);
  by_tag_.erase(from, to);
  forget_settled();
}

void ConfirmWindow::forget_settled() {
  for (; !items_.empty() && items_.front().settled; ++first_id_) items_.pop_front();
}

void ConfirmWindow::settle(std::uint64_t id, bool acked, Instant now) {
  Item& confirmed = item(id);
  bytes_ -= confirmed.message.body.size();
  if (acked) return finish(confirmed);
  ++counts_.nacked;
  again_.push_back(id);
  again_at_ = now + kNackPause;
}

void ConfirmWindow::finish(Item& confirmed) {
  confirmed.settled = true;
  alone_ = false;
  const PackedMessage& message = confirmed.message;
  if (!message.message_id.empty() && returned_.erase(message.message_id) != 0) {
    counts_.unroutable += message.events;
    return;
  }
  ++counts_.messages;
  counts_.events += message.events;
  counts_.bytes += message.body.size();
}

void ConfirmWindow::begin_again() {
  by_tag_.clear();
  again_.clear();
  returned_.clear();
  next_tag_ = 1;
  bytes_ = 0;
  // What was confirmed behind one that was not is not sent again.
  for (std::uint64_t n = 0; n < items_.size() - unsent_; ++n) {
    if (!items_[n].settled) again_.push_back(first_id_ + n);
  }
  again_at_ = {};
}

void ConfirmWindow::begin_again_without_the_unwanted() {
  if (alone_ && by_tag_.size() == 1) {
    Item& unwanted = item(by_tag_.begin()->second);
    unwanted.settled = true;
    counts_.unwanted += unwanted.message.events;
  }
  alone_ = true;
  begin_again();
  forget_settled();
}

std::optional<LogPosition> ConfirmWindow::first() const {
  if (items_.empty()) return std::nullopt;
  return items_.front().message.begin;
}

std::optional<Instant> ConfirmWindow::oldest_sent() const {
  if (by_tag_.empty()) return std::nullopt;
  return items_[by_tag_.begin()->second - first_id_].sent_at;
}

}  // namespace xylem
