#include "relay/session/receive_session.h"

#include <algorithm>
#include <utility>

namespace xylem {
namespace {
constexpr std::uint32_t kHeartbeatMsMin = 50;  // a relay that asks for 0 is not answered for ever
}

ReceiveSession::Step ReceiveSession::on_connected(Instant now) {
  session_ = 0;
  come_back_at_.reset();
  granted_bytes_ = options_.hello.credit_bytes;
  consumed_bytes_ = 0;
  last_heard_ = last_said_ = last_awake_ = now;
  return Send{options_.hello};
}

ReceiveSession::Step ReceiveSession::on_control(const Control& control, Instant now) {
  last_heard_ = now;
  if (const auto* welcome = std::get_if<Welcome>(&control)) {
    open(*welcome, now);
  } else if (const auto* alive = std::get_if<Alive>(&control)) {
    newest_known_ = std::max(newest_known_, alive->next_sequence);
  } else if (const auto* gap = std::get_if<Gap>(&control)) {
    expected_ = std::max(expected_, gap->last.after(1));
  } else if (const auto* bye = std::get_if<Bye>(&control)) {
    session_ = 0;
    if (bye->reason == ByeReason::refused) {
      return GiveUp{{ErrorCode::refused, "the relay refused: " + bye->text}};
    }
    // Our Bye tells a relay that stops that everything before its own has arrived.
    if (bye->reason == ByeReason::closing) {
      come_back_at_ = now + options_.pause;
      return Leave{};
    }
    return Reconnect{std::string(name_of(bye->reason))};
  }
  return {};
}

void ReceiveSession::open(const Welcome& welcome, Instant now) {
  session_ = welcome.session;
  heartbeat_ = std::min<Duration>(options_.heartbeat, std::chrono::milliseconds(std::max(
                                                          welcome.heartbeat_ms, kHeartbeatMsMin)));
  last_said_ = now;
  newest_known_ = welcome.next_sequence;
  if (been_open_ && (welcome.epoch != epoch_ || welcome.next_sequence > expected_)) {
    // What matched our filter meanwhile is not known here: count 0 says so. Across epochs not even
    // the last sequence is.
    const bool same = welcome.epoch == epoch_;
    const Sequence last{same ? welcome.next_sequence.value - 1 : 0};
    reconnect_gap_ = Gap{epoch_, expected_, last, 0, GapReason::reconnect};
  }
  been_open_ = true;
  epoch_ = welcome.epoch;
  expected_ = welcome.next_sequence;
}

ReceiveSession::Step ReceiveSession::on_batch(Epoch epoch, Sequence last, std::uint64_t frame_bytes,
                                              Instant now) {
  last_heard_ = now;
  if (epoch == epoch_) expected_ = std::max(expected_, last.after(1));
  newest_known_ = std::max(newest_known_, expected_);
  consumed_bytes_ += frame_bytes;
  // Granting by halves: one Credit for many batches, and the relay never runs dry meanwhile.
  const std::uint64_t open_bytes = granted_bytes_ - std::min(granted_bytes_, consumed_bytes_);
  if (session_ == 0 || open_bytes > options_.hello.credit_bytes / 2) return {};
  granted_bytes_ = consumed_bytes_ + options_.hello.credit_bytes;
  return grant(false, now);
}

ReceiveSession::Step ReceiveSession::on_idle(Instant now) {
  if (come_back_at_) {
    if (now < *come_back_at_) return {};
    return Reconnect{"the relay stopped"};
  }
  // Who was away itself (stopped, or busy with a batch) has no reason to complain of silence: what
  // came meanwhile may still be in the kernel.
  if (now - last_awake_ > options_.answer_timeout / 2) last_heard_ = now;
  last_awake_ = now;
  if (now - last_heard_ > options_.answer_timeout) {
    session_ = 0;
    return Reconnect{"no answer"};
  }
  if (session_ != 0 && now - last_said_ >= heartbeat_) return grant(true, now);
  return {};
}

ReceiveSession::Step ReceiveSession::grant(bool answer, Instant now) {
  last_said_ = now;
  return Send{Credit{session_, granted_bytes_, answer}};
}

std::optional<Gap> ReceiveSession::take_reconnect_gap() {
  return std::exchange(reconnect_gap_, std::nullopt);
}

}  // namespace xylem
