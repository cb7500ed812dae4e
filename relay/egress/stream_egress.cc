#include "relay/egress/stream_egress.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace xylem {
namespace {

constexpr Duration kReviewInterval = std::chrono::milliseconds(500);
constexpr Duration kAway = std::chrono::seconds(3);
// Credit bounds what is under way in bytes, if the subscriber is honest; this bounds it if it
// grants without reading.
constexpr int kSendHwm = 256;
}  // namespace

StreamEgress::StreamEgress(Options options, Context& context, SinkEdge& edge,
                           BlockBudget& block_budget, Epoch epoch, const Clock& clock,
                           HistoryLink* history)
    : options_(std::move(options)),
      context_(context),
      edge_(edge),
      block_budget_(block_budget),
      epoch_(epoch),
      clock_(clock),
      history_(history),
      log_(clock),
      arrivals_log_(clock),
      // Session numbers tell sessions apart and grant nothing, so the epoch is seed enough.
      session_ids_(epoch.value),
      shares_(options_.shares),
      taps_(options_.taps_bytes_max),
      retention_(options_.retention) {
  limits_.publish(options_.limits);
  if (options_.pipes_bytes_max == 0) options_.pipes_bytes_max = options_.taps_bytes_max / 2;
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
  turn_at_ = now;
  waits_for_pipe_ = false;
  std::size_t work = read_controls(now);
  if (history_ != nullptr) work += history_->receive();
  work += take_batches();
  work += catch_up();
  work += serve_all();
  plain_.forget();
  if (now - last_review_ >= kReviewInterval) {
    review(now);
    ++work;
  }
  if (history_ != nullptr) work += history_->send(now);
  // Only one that the live stream waits for holds anything up.
  block_budget_.note(BlockBudget::Endpoint::stream, taps_.blocked() && !edge_.empty(), now);
  taps_.suspend_block(!block_budget_.allows());
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
  std::size_t cost = 0;
  // One by one, because each may fill a tap that blocks.
  for (std::array<const Batch*, 1> next; taken < kBatchesPerTurn && !taps_.blocked(); ++taken) {
    if (edge_.pop(next) == 0) break;
    cost += offer(BatchRef::adopt(next[0]));
    // A tap that may overflow is served before it is offered more; one that cannot be served delays
    // nobody.
    if (cost >= kMatchingPerTurn || any_in_need_can_be_sent()) return taken + 1;
  }
  return taken;
}

bool StreamEgress::any_in_need_can_be_sent() const {
  return std::any_of(subscribers_.begin(), subscribers_.end(), [this](const auto& entry) {
    const Subscriber& subscriber = *entry.second;
    const bool in_need = subscriber.tap.full() || subscriber.tap.is_above_its_share();
    return in_need && !subscriber.pipe_full && may_send(subscriber);
  });
}

// Credit is what it allows itself. The relay allows it its share of its own memory, and goes by
// what libzmq has let go of, not by what was granted: a subscriber grants when it likes, and those
// who have nothing under way take nothing from the others.
bool StreamEgress::has_room_in_pipe(const Subscriber& subscriber) const {
  const std::uint64_t all = in_pipes_->bytes.load(std::memory_order_relaxed);
  if (all < options_.pipes_bytes_max) return true;
  const std::uint64_t share = options_.pipes_bytes_max / subscribers_.size();
  return subscriber.in_pipe->bytes.load(std::memory_order_relaxed) <
         std::max({share, options_.pipe_bytes_min, std::uint64_t{1}});
}

std::size_t StreamEgress::offer(const BatchRef& batch) {
  for (auto& [peer, subscriber] : subscribers_) {
    if (subscriber->behind || !subscriber->tap.spills()) continue;
    taps_.remove(subscriber->tap);
    leave_behind(*subscriber).begin_at(epoch_, retention_.next());
  }
  retention_.add(batch);
  return taps_.offer(batch);
}

WayBack& StreamEgress::leave_behind(Subscriber& subscriber) {
  return subscriber.behind.emplace(epoch_, retention_, history_, subscriber.session.filter());
}

std::size_t StreamEgress::catch_up() {
  std::size_t moved = 0;
  Spent spent;
  auto at = subscribers_.upper_bound(caught_up_last_);
  for (std::size_t left = subscribers_.size(); left != 0; --left, ++at) {
    if (at == subscribers_.end()) at = subscribers_.begin();
    if (!at->second->behind) continue;
    moved += catch_up(at->first, *at->second, spent);
    if (spent.steps < kPastMatchingPerTurn && spent.bytes < kPastBytesPerTurn) continue;
    caught_up_last_ = at->first;
    break;
  }
  return moved;
}

// Those who are behind get what may leave at once, and join the others at the end.
std::size_t StreamEgress::catch_up(const std::string& peer, Subscriber& subscriber, Spent& spent) {
  if (!subscriber.welcomed && subscriber.behind->has_begun()) welcome(peer, subscriber);
  std::size_t moved = 0;
  const Spent share{spent.steps + kPastMatchingPerTurn / 4, spent.bytes + kPastBytesPerTurn / 4};
  for (; moved < kBatchesPerTurn && spent.steps < share.steps && spent.bytes < share.bytes;
       ++moved) {
    const std::size_t cost = subscriber.catch_up(taps_);
    if (cost == 0) break;
    spent.steps += cost;
    serve(peer, subscriber, spent.bytes);
  }
  if (subscriber.behind->at_end() && !subscriber.tap.spills()) {
    subscriber.behind.reset();
    taps_.add(subscriber.tap, subscriber.session.filter());
    ++moved;
  }
  return moved;
}

std::size_t StreamEgress::serve_all() {
  std::size_t sent = 0;
  std::uint64_t bytes = 0;
  auto at = subscribers_.upper_bound(served_last_);
  for (std::size_t left = subscribers_.size(); left != 0 && bytes < kBytesPerTurn; --left, ++at) {
    if (at == subscribers_.end()) at = subscribers_.begin();
    sent += serve(at->first, *at->second, bytes);
    if (bytes >= kBytesPerTurn) served_last_ = at->first;
  }
  return sent;
}

std::size_t StreamEgress::serve(const std::string& peer, Subscriber& subscriber,
                                std::uint64_t& bytes) {
  std::size_t sent = 0;
  const std::uint64_t before = subscriber.session.sent_bytes();
  while (!subscriber.tap.empty() && !subscriber.unreachable &&
         subscriber.session.sent_bytes() < before + kPeerBytesPerTurn &&
         send_front(peer, subscriber)) {
    ++sent;
  }
  bytes += subscriber.session.sent_bytes() - before;
  return sent;
}

// What the subscriber reads. One that reads no shapes pays with the relay's time.
Frame StreamEgress::front_of(const Subscriber& subscriber) {
  if (const auto* gap = std::get_if<Gap>(&subscriber.tap.front())) {
    return Frame(write_control(*gap));
  }
  const auto& batch = std::get<BatchRef>(subscriber.tap.front());
  const bool as_it_is = !batch->is_shaped() || subscriber.session.reads_shapes();
  return {as_it_is ? batch : plain_.of(batch), subscriber.in_pipe};
}

// A gap costs no credit but waits for it: while the subscriber does not read, what it misses merges
// into one notice instead of queueing in libzmq.
bool StreamEgress::send_front(const std::string& peer, Subscriber& subscriber) {
  if (!subscriber.session.may_send()) return false;
  if (!has_room_in_pipe(subscriber)) {
    waits_for_pipe_ = true;
    return false;
  }
  Frame identity{std::string_view(peer)};
  SendOutcome outcome = socket_->send(identity, true);
  std::size_t bytes = 0;
  if (outcome == SendOutcome::sent) {
    // Only now, because it may have to be made. A pipe that takes the one takes the other.
    Frame frame = front_of(subscriber);
    bytes = frame.bytes().size();
    outcome = socket_->send(frame);
  }
  subscriber.unreachable |= outcome == SendOutcome::unreachable;
  subscriber.pipe_full = outcome == SendOutcome::full;
  if (outcome != SendOutcome::sent) return false;
  if (const auto* batch = std::get_if<BatchRef>(&subscriber.tap.front())) {
    subscriber.session.on_sent(bytes);
    subscriber.under_way.emplace_back(subscriber.session.sent_bytes(), (*batch)->size());
  }
  subscriber.tap.delivered();
  return true;
}

// A subscriber that has used up its credit is sent nothing, and one that was told to leave neither,
// so that its death would go unnoticed.
void StreamEgress::probe_the_stuck() {
  for (auto& [peer, subscriber] : subscribers_) {
    if (subscriber->told_to_leave) {
      subscriber->unreachable |= tell_to_leave(peer) == SendOutcome::unreachable;
    }
    const bool waits = !subscriber->tap.empty() && !subscriber->session.may_send();
    if (subscriber->welcomed && !waits) continue;
    subscriber->unreachable |=
        say(peer, subscriber->alive(epoch_, retention_.next())) == SendOutcome::unreachable;
  }
}

void StreamEgress::look_for_the_slow() {
  using Live = StreamSubscriber::Live;
  const Live live = edge_.empty() ? Live::flows : Live::waits;
  for (auto& [peer, subscriber] : subscribers_) {
    Tap& tap = subscriber->tap;
    const std::string& name = subscriber->session.name();
    const auto complaint = subscriber->review(now_, options_.block_deadline, live);
    if (complaint == StreamSubscriber::Complaint::none) continue;
    const std::string how_far = subscriber->how_far_behind(clock_.wall_us());
    if (complaint == StreamSubscriber::Complaint::slow) {
      log_.warn("slow " + name,
                fmt::format("stream subscriber '{}' is slow: {}; when its tap is full, {}", name,
                            how_far, name_of(tap.options().overflow)));
      continue;
    }
    log_.warn(
        "demoted " + name,
        fmt::format(
            "stream subscriber '{}' has held everything up for {} s ({}); it is demoted to "
            "drop_oldest",
            name, std::chrono::duration_cast<std::chrono::seconds>(options_.block_deadline).count(),
            how_far));
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
  const std::string& name = at->second->session.name();
  arrivals_log_.info("left " + name,
                     fmt::format("stream subscriber '{}' is let go ({}) with {} events "
                                 "that it had not been sent",
                                 name, name_of(bye.reason), tap.ledger().held));
  for (const Gap& gap : tap.abandon(DropReason::disconnected)) say(at->first, gap);
  say(at->first, bye);
  return remove(at);
}

StreamEgress::Subscribers::iterator StreamEgress::remove(Subscribers::iterator at) {
  Subscriber& subscriber = *at->second;
  taps_.remove(subscriber.tap);
  shares_.remove(subscriber.address, subscriber.session.filter().pattern_words());
  static_cast<void>(subscriber.tap.abandon(DropReason::disconnected));
  subscriber.entry->figures.publish(
      {subscriber.tap.ledger(), 0, subscriber.tap.delivered_bytes(), 0});
  board_.retire(subscriber.entry, clock_.wall_us());
  return subscribers_.erase(at);
}

void StreamEgress::show() {
  subscribers_shown_.store(subscribers_.size(), std::memory_order_relaxed);
  retained_bytes_.store(retention_.bytes(), std::memory_order_relaxed);
  held_bytes_.store(taps_.memory().bytes(), std::memory_order_relaxed);
  squeezes_.store(taps_.squeezes(), std::memory_order_relaxed);
  pattern_words_.store(shares_.all().pattern_words, std::memory_order_relaxed);
  std::uint64_t behind = 0;
  for (const auto& [peer, subscriber] : subscribers_) {
    const Tap& tap = subscriber->tap;
    behind += subscriber->behind.has_value();
    subscriber->entry->figures.publish(
        {tap.ledger(), tap.held_bytes(), tap.delivered_bytes(), tap.oldest_held_us()});
  }
  behind_shown_.store(behind, std::memory_order_relaxed);
}

bool StreamEgress::has_work() {
  if (socket_->readable() || (!edge_.empty() && !taps_.blocked())) return true;
  if (history_ != nullptr && history_->has_answers()) return true;
  // Asking may have taken in libzmq's word that there is room again, so those who wait for it try.
  std::size_t sent = 0;
  std::uint64_t bytes = 0;
  for (auto& [peer, subscriber] : subscribers_) {
    if (subscriber->can_catch_up()) return true;
    const bool tries = subscriber->pipe_full && bytes < kBytesPerTurn;
    if (tries) sent += serve(peer, *subscriber, bytes);
  }
  plain_.forget();
  return sent != 0;
}

std::optional<Instant> StreamEgress::due() const {
  std::optional<Instant> due = history_ == nullptr ? std::nullopt : history_->due();
  const auto no_later_than = [&](Instant at) { due = std::min(due.value_or(at), at); };
  if (waits_for_pipe_) no_later_than(turn_at_ + kPipeInterval);
  if (!subscribers_.empty() || taps_.blocked()) no_later_than(last_review_ + kReviewInterval);
  return due;
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
    subscriber->behind.reset();
  }
  show();
  socket_.reset();
  return left;
}

void StreamEgress::sample(Samples& samples, std::int64_t now_us) const {
  board_.sample(samples, now_us);
  if (history_ != nullptr) history_->sample(samples);
  samples.push_back({Metric::stream_subscribers,
                     static_cast<double>(subscribers_shown_.load(std::memory_order_relaxed)),
                     {}});
  const auto add = [&](Metric metric, const std::atomic<std::uint64_t>& value) {
    samples.push_back({metric, static_cast<double>(value.load(std::memory_order_relaxed)), {}});
  };
  add(Metric::stream_behind, behind_shown_);
  add(Metric::stream_demoted, demoted_);
  add(Metric::stream_retained_bytes, retained_bytes_);
  add(Metric::stream_held_bytes, held_bytes_);
  add(Metric::stream_squeezes, squeezes_);
  add(Metric::stream_pattern_words, pattern_words_);
  for (std::size_t i = 0; i < kRefusedFrames; ++i) {
    samples.push_back({Metric::stream_refused,
                       static_cast<double>(refused_[i].load(std::memory_order_relaxed)),
                       {{"reason", std::string(kRefusedFrameNames[i])}}});
  }
}

}  // namespace xylem
