// What subscribers say to the stream endpoint, and what they are answered.

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "relay/egress/stream_egress.h"

namespace xylem {
namespace {

// An age is by this relay's clock, whatever the subscriber's tells.
std::int64_t since_of(const Hello& hello, std::int64_t now_us) {
  if (hello.since_age_ms == 0) return hello.since_us;
  const auto most_ms = static_cast<std::uint64_t>(std::max<std::int64_t>(now_us, 0) / 1000);
  return now_us - static_cast<std::int64_t>(std::min(hello.since_age_ms, most_ms) * 1000);
}

}  // namespace

std::size_t StreamEgress::read_controls(Instant now) {
  std::size_t read = 0;
  control_cost_ = 0;
  for (Frame identity; read < kControlsPerTurn && control_cost_ < kControlCostPerTurn; ++read) {
    if (!socket_->receive(identity)) break;
    const std::string peer(identity.text());
    if (!identity.more()) continue;
    Frame frame;
    if (!socket_->receive(frame)) break;
    control_cost_ += frame.bytes().size();
    if (!frame.more()) {
      on_frame(peer, frame, now);
      continue;
    }
    for (Frame rest; socket_->receive(rest) && rest.more();) {
    }
    refuse(peer, RefusedFrame::malformed, frame, "more than one frame");
  }
  return read;
}

void StreamEgress::on_frame(const std::string& peer, const Frame& frame, Instant now) {
  const auto control = read_control(frame.bytes());
  if (!control) return refuse(peer, RefusedFrame::malformed, frame, control.error().message);
  if (const auto* hello = std::get_if<Hello>(&*control)) {
    return on_hello(peer, frame.peer_address(), *hello, now);
  }
  if (const auto* credit = std::get_if<Credit>(&*control)) return on_credit(peer, *credit, now);
  if (std::holds_alternative<Bye>(*control)) {
    if (const auto known = subscribers_.find(peer); known != subscribers_.end()) remove(known);
    return;
  }
  if (std::holds_alternative<Unknown>(*control)) return;
  refuse(peer, RefusedFrame::unexpected, frame,
         std::holds_alternative<SourceHello>(*control)
             ? "a SourceHello, and this is a stream endpoint: say it at an acked one"
             : "a frame that only the relay sends");
}

Result<SubscriptionSession> StreamEgress::accept(const std::string& address, const Hello& hello,
                                                 Instant now) {
  auto session = SubscriptionSession::accept(hello, limits_.read(), session_ids_() | 1, now);
  if (!session) return session;
  const auto has_room = shares_.check(address, session->filter().pattern_words());
  if (!has_room) return tl::unexpected(has_room.error());
  if (session->overflow() == Overflow::spill && history_ == nullptr) {
    return fail(ErrorCode::refused, "the policy spill takes a spool, and this relay has none");
  }
  return session;
}

void StreamEgress::on_hello(const std::string& peer, const std::string& address, const Hello& hello,
                            Instant now) {
  control_cost_ += kHelloCost;
  if (const auto known = subscribers_.find(peer); known != subscribers_.end()) remove(known);
  if (stopping_) return say_bye(peer, ByeReason::closing, "the relay stops");
  auto session = accept(address, hello, now);
  if (!session) {
    refused_[static_cast<std::size_t>(RefusedFrame::hello)].fetch_add(1, std::memory_order_relaxed);
    log_.warn("hello", fmt::format("stream refused subscriber '{}': {}", printable(hello.name),
                                   session.error().message));
    return say_bye(peer, ByeReason::refused, session.error().message);
  }
  const Tap::Options tap{session->tap_bytes_max(), session->tap_events_max(), session->overflow()};
  auto made = std::make_unique<Subscriber>(std::move(*session), tap, &taps_.memory(), address);
  Subscriber& subscriber = *made;
  subscriber.in_pipe->all = in_pipes_;
  shares_.add(address, subscriber.session.filter().pattern_words());
  const std::string label =
      subscriber.session.name().empty() ? "(unnamed)" : subscriber.session.name();
  subscriber.entry =
      board_.add(label, printable(subscriber.session.filter().name(), kFilterShown),
                 std::string(name_of(subscriber.session.overflow())), clock_.wall_us());
  begin(subscriber, hello);
  subscribers_.emplace(peer, std::move(made));
  arrivals_log_.info(label, fmt::format("stream subscriber '{}' wants {} ({})", label,
                                        printable(subscriber.session.filter().name()),
                                        subscriber.entry->overflow));
  if (!subscriber.behind || subscriber.behind->has_begun()) welcome(peer, subscriber);
}

// A subscriber that asks for the past begins there; any other is live at once.
void StreamEgress::begin(Subscriber& subscriber, const Hello& hello) {
  if (!hello.asks_for_past()) return taps_.add(subscriber.tap, subscriber.session.filter());
  WayBack& way = leave_behind(subscriber);
  if (hello.resume_epoch != Epoch{}) {
    way.begin_at(hello.resume_epoch, hello.resume_sequence);
  } else {
    way.begin_since(since_of(hello, clock_.wall_us()));
  }
}

void StreamEgress::welcome(const std::string& peer, Subscriber& subscriber) {
  subscriber.welcomed = true;
  const LogPosition place =
      subscriber.behind ? subscriber.behind->place() : LogPosition{epoch_, retention_.next()};
  say(peer, subscriber.session.welcome(place.epoch, place.sequence));
}

void StreamEgress::on_credit(const std::string& peer, const Credit& credit, Instant now) {
  const auto known = subscribers_.find(peer);
  if (known == subscribers_.end() || known->second->session.id() != credit.session) {
    return say_bye(peer, ByeReason::unknown_session, "say Hello first");
  }
  if (const auto granted = known->second->session.on_credit(credit, now); !granted) {
    refused_[static_cast<std::size_t>(RefusedFrame::credit)].fetch_add(1,
                                                                       std::memory_order_relaxed);
    say_bye(peer, ByeReason::refused, granted.error().message);
    remove(known);
    return;
  }
  known->second->forget_consumed();
  if (credit.answer) say(peer, known->second->alive(epoch_, retention_.next()));
}

SendOutcome StreamEgress::say(const std::string& peer, const Control& control) {
  Frame identity{std::string_view(peer)};
  Frame frame(write_control(control));
  const SendOutcome outcome = socket_->send(identity, true);
  if (outcome == SendOutcome::sent) static_cast<void>(socket_->send(frame));
  return outcome;
}

void StreamEgress::say_bye(const std::string& peer, ByeReason reason, std::string text) {
  say(peer, Bye{reason, std::move(text)});
}

SendOutcome StreamEgress::tell_to_leave(const std::string& peer) {
  return say(peer, Bye{ByeReason::closing, "the relay stops"});
}

void StreamEgress::refuse(const std::string& peer, RefusedFrame what, const Frame& frame,
                          const std::string& why) {
  refused_[static_cast<std::size_t>(what)].fetch_add(1, std::memory_order_relaxed);
  const std::string from = frame.peer_address();
  log_.warn(kRefusedFrameNames[static_cast<std::size_t>(what)],
            fmt::format("stream refused a frame of {} bytes from {}: {}", frame.bytes().size(),
                        from.empty() ? "a local socket" : from, why));
  say_bye(peer, ByeReason::refused, why);
  if (const auto known = subscribers_.find(peer); known != subscribers_.end()) remove(known);
}

}  // namespace xylem
