#include "relay/egress/stream_egress.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "relay/codec/shaped_batch.h"

namespace xylem {
namespace {

constexpr Duration kReviewInterval = std::chrono::milliseconds(500);
constexpr Duration kAway = std::chrono::seconds(3);
// Credit bounds what is under way in bytes, if the subscriber is honest; this bounds it if it
// grants without reading.
constexpr int kSendHwm = 256;
// What the subscriber reads. One that reads no shapes pays with the relay's time.
Frame frame_of(const BatchRef& batch, const SubscriptionSession& session) {
  if (!batch->is_shaped() || session.reads_shapes()) return Frame(batch);
  return Frame(BatchRef(expand_frame(*batch)));
}

constexpr std::string_view kRefusedFrameNames[] = {"malformed", "unexpected", "hello", "credit"};

}  // namespace

StreamEgress::StreamEgress(Options options, Context& context, SinkEdge& edge, Epoch epoch,
                           const Clock& clock, OpenLog open_log)
    : options_(std::move(options)),
      context_(context),
      edge_(edge),
      epoch_(epoch),
      clock_(clock),
      open_log_(std::move(open_log)),
      log_(clock),
      // Session numbers tell sessions apart and grant nothing, so the epoch is seed enough.
      session_ids_(epoch.value),
      retention_(options_.retention) {
  limits_.publish(options_.limits);
}

Result<void> StreamEgress::on_start() {
  SocketOptions socket;
  socket.send_hwm = kSendHwm;
  socket.receive_hwm = 1000;
  socket.frame_bytes_max = kControlFrameBytesMax;
  socket.linger_ms = 200;
  if (auto made = Socket::open(socket_, context_, SocketKind::router, socket); !made) return made;
  for (const Address& address : options_.listen) {
    XYLEM_TRY(Address bound, socket_->bind(address));
    bound_.push_back(bound);
  }
  fd_ = socket_->fd();
  return {};
}

std::size_t StreamEgress::do_work(Instant now) {
  std::size_t work = read_controls(now);
  work += take_batches();
  work += catch_up();
  for (auto& [peer, subscriber] : subscribers_) work += serve(peer, *subscriber);
  if (now - last_review_ >= kReviewInterval) {
    review(now);
    ++work;
  }
  if (work != 0) show();
  return work;
}

void StreamEgress::review(Instant now) {
  const bool we_were_away = last_review_ != Instant{} && now - last_review_ > kAway;
  last_review_ = now_ = now;
  if (we_were_away) {
    for (auto& [peer, subscriber] : subscribers_) subscriber->session.excuse(now);
  }
  retention_.trim(clock_.wall_us());
  probe_the_stuck();
  look_for_the_slow();
  let_go_of_the_lost();
}

std::size_t StreamEgress::take_batches() {
  std::size_t taken = 0;
  // One by one, because each may fill a tap that blocks.
  for (std::array<const Batch*, 1> next; taken < kBatchesPerTurn && !taps_.blocked(); ++taken) {
    if (edge_.pop(next) == 0) break;
    offer(BatchRef::adopt(next[0]));
    // Credit may be free: a full tap is served before it is offered more.
    if (taps_.any_full()) return taken + 1;
  }
  return taken;
}

void StreamEgress::offer(const BatchRef& batch) {
  for (auto& [peer, subscriber] : subscribers_) {
    if (subscriber->behind || !subscriber->tap.spills()) continue;
    taps_.remove(subscriber->tap);
    subscriber->behind.emplace(way_back());
    subscriber->behind->begin_at(epoch_, retention_.next());
  }
  retention_.add(batch);
  taps_.offer(batch);
}

// Those who are behind get what their taps have room for, and join the others at the end.
std::size_t StreamEgress::catch_up() {
  std::size_t moved = 0;
  std::uint64_t behind = 0;
  for (auto& [peer, subscriber] : subscribers_) {
    if (!subscriber->behind) continue;
    moved += subscriber->catch_up(taps_, kBatchesPerTurn);
    if (subscriber->behind->at_end() && !subscriber->tap.spills()) {
      subscriber->behind.reset();
      taps_.add(subscriber->tap, subscriber->session.filter());
      ++moved;
    } else {
      ++behind;
    }
  }
  behind_shown_.store(behind, std::memory_order_relaxed);
  return moved;
}

WayBack StreamEgress::way_back() const {
  return {epoch_, retention_, open_log_ ? open_log_() : nullptr};
}

std::size_t StreamEgress::serve(const std::string& peer, Subscriber& subscriber) {
  std::size_t sent = 0;
  while (!subscriber.tap.empty() && !subscriber.unreachable && send_front(peer, subscriber)) ++sent;
  return sent;
}

// A gap costs no credit but waits for it: while the subscriber does not read, what it misses merges
// into one notice instead of queueing in libzmq.
bool StreamEgress::send_front(const std::string& peer, Subscriber& subscriber) {
  if (!subscriber.session.may_send()) return false;
  const auto* gap = std::get_if<Gap>(&subscriber.tap.front());
  Frame frame = gap != nullptr
                    ? Frame(write_control(*gap))
                    : frame_of(std::get<BatchRef>(subscriber.tap.front()), subscriber.session);
  const std::size_t bytes = frame.bytes().size();
  Frame identity{std::string_view(peer)};
  SendOutcome outcome = socket_->send(identity, true);
  if (outcome == SendOutcome::sent) outcome = socket_->send(frame);
  subscriber.unreachable |= outcome == SendOutcome::unreachable;
  subscriber.pipe_full = outcome == SendOutcome::full;
  if (outcome != SendOutcome::sent) return false;
  if (gap == nullptr) {
    subscriber.session.on_sent(bytes);
    const std::size_t events = std::get<BatchRef>(subscriber.tap.front())->size();
    subscriber.under_way.emplace_back(subscriber.session.sent_bytes(), events);
  }
  subscriber.tap.delivered();
  return true;
}

std::size_t StreamEgress::read_controls(Instant now) {
  std::size_t read = 0;
  for (Frame identity; read < kControlsPerTurn && socket_->receive(identity); ++read) {
    const std::string peer(identity.text());
    if (!identity.more()) continue;
    Frame frame;
    if (!socket_->receive(frame)) break;
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
  if (const auto* hello = std::get_if<Hello>(&*control)) return on_hello(peer, *hello, now);
  if (const auto* credit = std::get_if<Credit>(&*control)) return on_credit(peer, *credit, now);
  if (std::holds_alternative<Bye>(*control)) {
    if (const auto known = subscribers_.find(peer); known != subscribers_.end()) remove(known);
    return;
  }
  if (std::holds_alternative<Unknown>(*control)) return;
  refuse(peer, RefusedFrame::unexpected, frame, "a frame that only the relay sends");
}

void StreamEgress::on_hello(const std::string& peer, const Hello& hello, Instant now) {
  if (const auto known = subscribers_.find(peer); known != subscribers_.end()) remove(known);
  if (stopping_) return say_bye(peer, ByeReason::closing, "the relay stops");
  auto session = SubscriptionSession::accept(hello, limits_.read(), session_ids_() | 1, now);
  if (session && subscribers_.size() >= options_.subscribers_max) {
    session = fail(ErrorCode::refused, fmt::format("{} subscribers are as many as this relay takes",
                                                   options_.subscribers_max));
  }
  if (session && session->overflow() == Overflow::spill && !open_log_) {
    session = fail(ErrorCode::refused, "the policy spill takes a spool, and this relay has none");
  }
  if (!session) {
    refused_[static_cast<std::size_t>(RefusedFrame::hello)].fetch_add(1, std::memory_order_relaxed);
    log_.warn("stream hello", fmt::format("stream refused subscriber '{}': {}",
                                          printable(hello.name), session.error().message));
    return say_bye(peer, ByeReason::refused, session.error().message);
  }
  const Tap::Options tap{session->tap_bytes_max(), session->tap_events_max(), session->overflow()};
  auto made = std::make_unique<Subscriber>(std::move(*session), tap);
  Subscriber& subscriber = *made;
  const std::string label =
      subscriber.session.name().empty() ? "(unnamed)" : subscriber.session.name();
  subscriber.entry =
      board_.add(label, subscriber.session.filter().name(),
                 std::string(name_of(subscriber.session.overflow())), clock_.wall_us());
  begin_behind(subscriber, hello);
  subscribers_.emplace(peer, std::move(made));
  XYLEM_LOG(info, "stream subscriber '{}' wants {} ({})", label,
            printable(subscriber.session.filter().name()), subscriber.entry->overflow);
  const bool live = !subscriber.behind;
  say(peer, subscriber.session.welcome(live ? epoch_ : subscriber.behind->epoch(),
                                       live ? retention_.next() : subscriber.behind->sequence()));
}

// A subscriber that asks for the past begins there; any other is live at once.
void StreamEgress::begin_behind(Subscriber& subscriber, const Hello& hello) {
  if (hello.resume_epoch == Epoch{} && hello.since_us == 0) {
    return taps_.add(subscriber.tap, subscriber.session.filter());
  }
  subscriber.behind.emplace(way_back());
  if (hello.resume_epoch != Epoch{}) {
    subscriber.behind->begin_at(hello.resume_epoch, hello.resume_sequence);
  } else {
    subscriber.behind->begin_since(hello.since_us);
  }
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
  log_.warn(fmt::format("stream {} {}", kRefusedFrameNames[static_cast<std::size_t>(what)], from),
            fmt::format("stream refused a frame of {} bytes from {}: {}", frame.bytes().size(),
                        from.empty() ? "a local socket" : from, why));
  say_bye(peer, ByeReason::refused, why);
  if (const auto known = subscribers_.find(peer); known != subscribers_.end()) remove(known);
}

// A subscriber that has used up its credit is sent nothing, and one that was told to leave neither,
// so that its death would go unnoticed.
void StreamEgress::probe_the_stuck() {
  for (auto& [peer, subscriber] : subscribers_) {
    if (subscriber->told_to_leave) {
      subscriber->unreachable |= tell_to_leave(peer) == SendOutcome::unreachable;
    }
    if (subscriber->tap.empty() || subscriber->session.may_send()) continue;
    subscriber->unreachable |=
        say(peer, subscriber->alive(epoch_, retention_.next())) == SendOutcome::unreachable;
  }
}

void StreamEgress::look_for_the_slow() {
  for (auto& [peer, subscriber] : subscribers_) {
    Tap& tap = subscriber->tap;
    const auto complaint = subscriber->review(now_, options_.block_deadline);
    if (complaint == StreamSubscriber::Complaint::none) continue;
    const double lag_s = static_cast<double>(clock_.wall_us() - tap.oldest_held_us()) / 1e6;
    const std::string how_far =
        fmt::format("{} events, {} bytes of {}, {:.1f} s behind", tap.ledger().held,
                    tap.held_bytes(), tap.options().bytes_max, lag_s);
    if (complaint == StreamSubscriber::Complaint::slow) {
      XYLEM_LOG(warning, "stream subscriber '{}' is slow: {}; when its tap is full, {}",
                subscriber->session.name(), how_far, name_of(tap.options().overflow));
      continue;
    }
    XYLEM_LOG(warning,
              "stream subscriber '{}' has held everything up for {} s ({}); it is demoted to "
              "drop_oldest",
              subscriber->session.name(),
              std::chrono::duration_cast<std::chrono::seconds>(options_.block_deadline).count(),
              how_far);
    demoted_.fetch_add(1, std::memory_order_relaxed);
    tap.demote();
  }
}

void StreamEgress::let_go_of_the_lost() {
  for (auto at = subscribers_.begin(); at != subscribers_.end();) {
    const Subscriber& subscriber = *at->second;
    if (subscriber.tap.must_disconnect()) {
      at = let_go(at, Bye{ByeReason::too_slow, "the tap was full"});
    } else if (subscriber.session.is_silent(now_)) {
      at = let_go(at, Bye{ByeReason::silent, "nothing was heard"});
    } else if (subscriber.unreachable) {
      at = remove(at);
    } else {
      ++at;
    }
  }
}

// It may be alive behind a slow link, so it is told exactly what it will not get.
StreamEgress::Subscribers::iterator StreamEgress::let_go(Subscribers::iterator at, const Bye& bye) {
  Tap& tap = at->second->tap;
  XYLEM_LOG(info, "stream subscriber '{}' is let go ({}) with {} events that it had not been sent",
            at->second->session.name(), name_of(bye.reason), tap.ledger().held);
  for (const Gap& gap : tap.abandon(DropReason::disconnected)) say(at->first, gap);
  say(at->first, bye);
  return remove(at);
}

StreamEgress::Subscribers::iterator StreamEgress::remove(Subscribers::iterator at) {
  Subscriber& subscriber = *at->second;
  taps_.remove(subscriber.tap);
  static_cast<void>(subscriber.tap.abandon(DropReason::disconnected));
  subscriber.entry->figures.publish(
      {subscriber.tap.ledger(), 0, subscriber.tap.delivered_bytes(), 0});
  board_.retire(subscriber.entry, clock_.wall_us());
  return subscribers_.erase(at);
}

void StreamEgress::show() {
  subscribers_shown_.store(subscribers_.size(), std::memory_order_relaxed);
  retained_bytes_.store(retention_.bytes(), std::memory_order_relaxed);
  for (const auto& [peer, subscriber] : subscribers_) {
    const Tap& tap = subscriber->tap;
    subscriber->entry->figures.publish(
        {tap.ledger(), tap.held_bytes(), tap.delivered_bytes(), tap.oldest_held_us()});
  }
}

bool StreamEgress::has_work() {
  if (socket_->readable() || (!edge_.empty() && !taps_.blocked())) return true;
  // Asking may have taken in libzmq's word that there is room again, so those who wait for it try.
  std::size_t sent = 0;
  for (auto& [peer, subscriber] : subscribers_) {
    if (subscriber->can_catch_up()) return true;
    if (subscriber->pipe_full) sent += serve(peer, *subscriber);
  }
  return sent != 0;
}

void StreamEgress::wait_fds(std::vector<int>& fds) const { fds.push_back(fd_); }

// First what is held; then each is told to leave, and answers when it has read all that came
// before.
Agent::Drain StreamEgress::drain(Instant now) {
  stopping_ = true;
  // Bounded, so that peers who never pause cannot keep the deadline from being looked at.
  for (int rounds = 0; rounds < kRoundsPerDrain && do_work(now) != 0; ++rounds) {
  }
  bool finished = edge_.empty();
  for (auto at = subscribers_.begin(); at != subscribers_.end();) {
    Subscriber& subscriber = *at->second;
    if (edge_.empty() && subscriber.tap.empty() && !subscriber.told_to_leave) {
      const SendOutcome told = tell_to_leave(at->first);
      subscriber.told_to_leave = told == SendOutcome::sent;
      subscriber.unreachable |= told == SendOutcome::unreachable;
    }
    if (subscriber.unreachable) {
      at = remove(at);
      continue;
    }
    finished &= subscriber.told_to_leave && subscriber.under_way.empty();
    ++at;
  }
  show();
  return finished ? Drain::finished : Drain::unfinished;
}

std::uint64_t StreamEgress::on_stop() {
  std::uint64_t left = 0;
  for (std::array<const Batch*, 1> rest; edge_.pop(rest) != 0;) {
    offer(BatchRef::adopt(rest[0]));
  }
  for (auto& [peer, subscriber] : subscribers_) {
    const std::uint64_t held = subscriber->tap.ledger().held;
    const std::uint64_t unread = subscriber->events_under_way();
    left += held + unread;
    if (held + unread != 0) {
      XYLEM_LOG(warning, "stream subscriber '{}' was not sent {} events, and may not have read {}",
                subscriber->session.name(), held, unread);
    }
    for (const Gap& gap : subscriber->tap.abandon(DropReason::stopping)) say(peer, gap);
    if (!subscriber->told_to_leave) static_cast<void>(tell_to_leave(peer));
  }
  show();
  socket_.reset();
  return left;
}

void StreamEgress::sample(Samples& samples, std::int64_t now_us) const {
  board_.sample(samples, now_us);
  samples.push_back({Metric::stream_subscribers,
                     static_cast<double>(subscribers_shown_.load(std::memory_order_relaxed)),
                     {}});
  const auto add = [&](Metric metric, const std::atomic<std::uint64_t>& value) {
    samples.push_back({metric, static_cast<double>(value.load(std::memory_order_relaxed)), {}});
  };
  add(Metric::stream_behind, behind_shown_);
  add(Metric::stream_demoted, demoted_);
  add(Metric::stream_retained_bytes, retained_bytes_);
  for (std::size_t i = 0; i < kRefusedFrames; ++i) {
    samples.push_back({Metric::stream_refused,
                       static_cast<double>(refused_[i].load(std::memory_order_relaxed)),
                       {{"reason", std::string(kRefusedFrameNames[i])}}});
  }
}

}  // namespace xylem
