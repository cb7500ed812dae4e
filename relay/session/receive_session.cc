#include "relay/session/receive_session.h"

#include <algorithm>
#include <utility>

namespace xylem {
namespace {
constexpr std::uint32_t kHeartbeatMsMin = 50;  // a relay that asks for 0 is not answered for ever
// How often it is asked how far it has come, by one on its way from the past to the present.
constexpr Duration kAskInterval = std::chrono::milliseconds(100);
}  // namespace

ReceiveSession::ReceiveSession(Options options)
    : options_(std::move(options)),
      at_{options_.hello.resume_epoch, std::max(options_.hello.resume_sequence, Sequence{1})} {}

ReceiveSession::Step ReceiveSession::on_connected(Instant now) {
  session_ = 0;
  come_back_at_.reset();
  granted_bytes_ = options_.hello.credit_bytes;
  consumed_bytes_ = 0;
  last_heard_ = last_said_ = last_awake_ = now;
  Hello hello = options_.hello;
  if (been_welcome_) {
    hello.resume_epoch = options_.resume ? at_.epoch : Epoch{};
    hello.resume_sequence = options_.resume ? at_.sequence : Sequence{};
    hello.since_us = 0;
    hello.since_age_ms = 0;
  }
  asked_for_past_ = hello.asks_for_past();
  present_.reset();
  return Send{std::move(hello)};
}

ReceiveSession::Step ReceiveSession::on_control(const Control& control, Instant now) {
  last_heard_ = now;
  if (const auto* welcome = std::get_if<Welcome>(&control)) {
    return open(*welcome, now);
  } else if (const auto* alive = std::get_if<Alive>(&control)) {
    on_alive(*alive);
  } else if (const auto* gap = std::get_if<Gap>(&control)) {
    at_ = std::max(at_, Place{gap->epoch, gap->last.after(1)});
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

ReceiveSession::Step ReceiveSession::open(const Welcome& welcome, Instant now) {
  session_ = welcome.session;
  heartbeat_ = std::min<Duration>(options_.heartbeat, std::chrono::milliseconds(std::max(
                                                          welcome.heartbeat_ms, kHeartbeatMsMin)));
  last_said_ = now;
  Place begins{welcome.epoch, welcome.next_sequence};
  const bool same = begins.epoch == at_.epoch;
  if (has_place() && (!same || begins.sequence > at_.sequence)) {
    // What matched our filter meanwhile is not known here: count 0 says so. Across epochs not even
    // the last sequence is.
    const Sequence last{same ? begins.sequence.value - 1 : 0};
    reconnect_gap_ = Gap{at_.epoch, at_.sequence, last, 0, GapReason::reconnect};
  }
  if (same) begins.sequence = std::max(begins.sequence, at_.sequence);
  at_ = newest_ = begins;
  been_welcome_ = true;
  if (asked_for_past_) return grant(true, now);  // the answer says where the present is
  present_ = begins;
  return {};
}

// Comes in order with the batches, so it moves the place past what did not match.
void ReceiveSession::on_alive(const Alive& alive) {
  const Place next{alive.epoch, alive.next_sequence};
  newest_ = std::max(newest_, next);
  if (session_ == 0) return;
  if (!present_) present_ = next;
  at_ = std::max(at_, Place{alive.served_epoch, alive.served_sequence});
}

ReceiveSession::Step ReceiveSession::on_batch(Epoch epoch, Sequence last, std::uint64_t frame_bytes,
                                              Instant now) {
  const Place behind{epoch, last.after(1)};
  at_ = epoch == at_.epoch ? std::max(at_, behind) : behind;
  newest_ = std::max(newest_, at_);
  return consumed(frame_bytes, now);
}

ReceiveSession::Step ReceiveSession::consumed(std::uint64_t frame_bytes, Instant now) {
  last_heard_ = now;
  consumed_bytes_ += frame_bytes;
  // Granting by halves: one Credit for many batches, and the relay never runs dry meanwhile.
  const std::uint64_t open_bytes = granted_bytes_ - std::min(granted_bytes_, consumed_bytes_);
  if (session_ == 0 || open_bytes > options_.hello.credit_bytes / 2) return {};
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
  const Duration quiet = asked_for_past_ && !is_at_present() ? kAskInterval : heartbeat_;
  if (session_ != 0 && now - last_said_ >= std::min(quiet, heartbeat_)) return grant(true, now);
  return {};
}

ReceiveSession::Step ReceiveSession::grant(bool answer, Instant now) {
  last_said_ = now;
  // A heartbeat as well: a relay may allow less under way than what is granted by halves, and then
  // it waits to be told that all of it was read.
  granted_bytes_ = std::max(granted_bytes_, consumed_bytes_ + options_.hello.credit_bytes);
  return Send{Credit{session_, granted_bytes_, answer}};
}

std::optional<Gap> ReceiveSession::take_reconnect_gap() {
  return std::exchange(reconnect_gap_, std::nullopt);
}

}  // namespace xylem
