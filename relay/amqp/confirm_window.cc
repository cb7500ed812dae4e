#include "relay/amqp/confirm_window.h"

#include <algorithm>

#include "relay/base/check.h"

namespace xylem {
namespace {
// A broker that said no would say it again at once; and of several queues that a message is for,
// those that had taken it get it with every try.
constexpr Duration kFirstWait = std::chrono::seconds(1);
constexpr Duration kLongestWait = std::chrono::seconds(60);
constexpr std::uint32_t kDoublingsMax = 8;
}  // namespace

Duration ConfirmWindow::back_off(std::uint32_t refusals) {
  const std::uint32_t doublings = std::min(refusals == 0 ? 0 : refusals - 1, kDoublingsMax);
  return std::min<Duration>(kFirstWait * (1U << doublings), kLongestWait);
}

void ConfirmWindow::add(PackedMessage message) {
  items_.emplace_hint(items_.end(), next_id_++, Item{std::move(message), {}, 0, 0});
}

const PackedMessage* ConfirmWindow::next(Instant now, std::int64_t wall_us) {
  while (may_repeat(now)) {
    at_hand_ = again_.begin()->second;
    const auto item = items_.find(at_hand_);
    if (!is_stale(item->second, wall_us)) return &item->second.message;
    again_.erase(again_.begin());
    forget(item);
  }
  while (has_unsent() && has_room()) {
    at_hand_ = unsent_;
    const auto item = items_.find(at_hand_);
    if (!is_stale(item->second, wall_us)) return &item->second.message;
    ++unsent_;
    forget(item);
  }
  return nullptr;
}

bool ConfirmWindow::ready(Instant now) const {
  return may_repeat(now) || (has_unsent() && has_room());
}

bool ConfirmWindow::is_stale(const Item& item, std::int64_t wall_us) {
  const std::int64_t stale_us = item.message.stale_us;
  if (stale_us == 0 || wall_us <= stale_us) return false;
  counts_.stale += item.message.events;
  return true;
}

void ConfirmWindow::sent(Instant now) {
  Item& under_way = items_.at(at_hand_);
  if (under_way.sendings++ == 0) {
    XYLEM_CHECK(at_hand_ == unsent_, "what next() gave is sent");
    ++unsent_;
    bytes_ += under_way.message.body.size();
  } else {
    again_.erase(again_.begin());
    ++counts_.resent;
  }
  under_way.sent_at = now;
  by_tag_.emplace_hint(by_tag_.end(), next_tag_++, at_hand_);
}

void ConfirmWindow::on_confirm(std::uint64_t tag, bool multiple, bool acked, Instant now) {
  const auto from = multiple ? by_tag_.begin() : by_tag_.find(tag);
  const auto to = by_tag_.upper_bound(tag);
  if (from == by_tag_.end() || (multiple && from->first > tag)) return;
  for (auto one = from; one != to; ++one) settle(one->second, acked, now);
  by_tag_.erase(from, to);
}

void ConfirmWindow::settle(std::uint64_t id, bool acked, Instant now) {
  const auto item = items_.find(id);
  alone_ = false;
  acked ? confirm(item) : refuse(item, now);
}

void ConfirmWindow::refuse(Items::iterator item, Instant now) {
  ++counts_.nacked;
  refused_ += item->second.refusals++ == 0;
  if (item->second.refusals >= options_.tries_max) {
    counts_.refused += item->second.message.events;
    return forget(item);
  }
  // At random, so that what was refused together does not come back together.
  const double part = std::uniform_real_distribution(0.75, 1.25)(random_);
  const auto wait = std::chrono::duration_cast<Duration>(back_off(item->second.refusals) * part);
  again_.emplace(now + std::clamp(wait, kFirstWait, kLongestWait), item->first);
}

void ConfirmWindow::confirm(Items::iterator item) {
  const PackedMessage& message = item->second.message;
  if (!message.message_id.empty() && returned_.erase(message.message_id) != 0) {
    counts_.unroutable += message.events;
  } else {
    ++counts_.messages;
    counts_.events += message.events;
    counts_.bytes += message.body.size();
  }
  forget(item);
}

void ConfirmWindow::forget(Items::iterator item) {
  if (item->second.sendings != 0) bytes_ -= item->second.message.body.size();
  refused_ -= item->second.refusals != 0;
  items_.erase(item);
}

void ConfirmWindow::on_returned(const std::string& message_id) {
  if (!message_id.empty() && returned_.size() < options_.messages_max) returned_.insert(message_id);
}

// What was refused still waits until it is due; what was confirmed behind one that was not is not
// sent again.
void ConfirmWindow::begin_again() {
  for (const auto& [tag, id] : by_tag_) again_.emplace(Instant{}, id);
  by_tag_.clear();
  returned_.clear();
  next_tag_ = 1;
}

void ConfirmWindow::begin_again_without_the_unwanted() {
  if (alone_ && by_tag_.size() == 1) {
    const auto unwanted = items_.find(by_tag_.begin()->second);
    counts_.unwanted += unwanted->second.message.events;
    forget(unwanted);
    by_tag_.clear();
  }
  alone_ = true;
  begin_again();
}

std::optional<Instant> ConfirmWindow::due() const {
  if (again_.empty()) return std::nullopt;
  return again_.begin()->first;
}

std::optional<LogPosition> ConfirmWindow::first() const {
  if (items_.empty()) return std::nullopt;
  return items_.begin()->second.message.begin;
}

std::optional<Instant> ConfirmWindow::oldest_sent() const {
  if (by_tag_.empty()) return std::nullopt;
  return items_.at(by_tag_.begin()->second).sent_at;
}

}  // namespace xylem
