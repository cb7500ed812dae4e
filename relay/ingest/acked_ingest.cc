#include "relay/ingest/acked_ingest.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "relay/codec/batch_codec.h"

namespace xylem {
namespace {
// The windows bound what is under way in bytes; these bound it for who does not keep to them.
constexpr int kReceiveHwm = 128;
constexpr int kSendHwm = 256;
// Long enough for the last acks to leave when the relay stops.
constexpr int kLingerMs = 1000;
}  // namespace

AckedIngest::AckedIngest(Options options, Context& context, SourceEdge& edge,
                         const LogProgress* log, const Clock& clock)
    : options_(std::move(options)),
      context_(context),
      edge_(edge),
      outbox_(edge),
      log_progress_(log),
      clock_(clock),
      admission_(options_.admission, *this, *this),
      sources_(options_.limits, static_cast<std::uint64_t>(clock.wall_us())),
      log_(clock),
      arrivals_log_(clock) {}

void AckedIngest::recover(const SourcePlaces& places) {
  sources_.recover(places, clock_.now(), clock_.wall_us());
}

Result<void> AckedIngest::on_start() {
  SocketOptions socket;
  socket.receive_hwm = kReceiveHwm;
  socket.send_hwm = kSendHwm;
  socket.linger_ms = kLingerMs;
  socket.frame_bytes_max = frame_bytes_let_in(options_.admission.limits);
  if (auto made = Socket::open(socket_, context_, SocketKind::router, socket); !made) return made;
  for (const Address& address : options_.listen) {
    XYLEM_TRY(Address bound, socket_->bind(address));
    bound_.push_back(bound);
  }
  fd_ = socket_->fd();
  return {};
}

std::size_t AckedIngest::do_work(Instant now) {
  std::size_t work = settle();
  work += outbox_.flush();
  work += read_frames(now);
  outbox_.ring();
  work += answer(now);
  if (work != 0) show();
  return work;
}

std::size_t AckedIngest::read_frames(Instant now) {
  std::size_t frames = 0;
  Frame identity;
  const std::uint64_t bytes_max = figures_.source.bytes + kBytesPerTurn;
  while (frames < kFramesPerTurn && figures_.source.bytes < bytes_max && outbox_.has_room() &&
         socket_->receive(identity)) {
    ++frames;
    if (!identity.more()) continue;
    const std::string peer(identity.text());
    Frame frame;
    if (!socket_->receive(frame)) break;
    ++figures_.source.messages;
    figures_.source.bytes += frame.bytes().size();
    if (!frame.more()) {
      at_hand_ = &frame;
      on_frame(peer, frame, now);
      continue;
    }
    for (Frame rest; socket_->receive(rest) && rest.more();) {
    }
    refuse_frame(peer, Refusal::bad_frames, frame, "a message has one frame here");
  }
  return frames;
}

void AckedIngest::on_frame(const std::string& peer, const Frame& frame, Instant now) {
  is_control_frame(frame.bytes()) ? on_control(peer, frame, now) : on_batch_frame(peer, frame, now);
}

void AckedIngest::on_control(const std::string& peer, const Frame& frame, Instant now) {
  const auto control = read_control(frame.bytes());
  if (!control) {
    return refuse_frame(peer, Refusal::wrong_identifier, frame, control.error().message);
  }
  if (const auto* hello = std::get_if<SourceHello>(&*control)) return on_hello(peer, *hello, now);
  if (std::holds_alternative<Bye>(*control)) return sources_.disconnect(peer);
  if (std::holds_alternative<Unknown>(*control)) return;
  refuse_frame(peer, Refusal::wrong_identifier, frame,
               std::holds_alternative<Hello>(*control)
                   ? "a subscriber's Hello, and this is an acked endpoint: say it at a stream's"
                   : "a control that no source sends");
}

void AckedIngest::on_hello(const std::string& peer, const SourceHello& hello, Instant now) {
  auto welcome = sources_.on_hello({peer, at_hand_->peer_address()}, hello, now);
  if (!welcome) {
    log_.warn("hello", fmt::format("acked refused source '{}': {}", printable(hello.name),
                                   welcome.error().message));
    static_cast<void>(say(peer, Bye{ByeReason::refused, welcome.error().message}));
    return;
  }
  if (hello.wall_us != 0) {
    sources_.of_peer(peer)->clock_offset_us = clipped_difference(clock_.wall_us(), hello.wall_us);
  }
  await_level(*sources_.of_peer(peer));
  arrivals_log_.info(hello.name, fmt::format("acked source '{}' wants acks at '{}'",
                                             printable(hello.name), name_of(hello.level)));
  welcome->relays = relays();
  static_cast<void>(say(peer, *welcome));
}

void AckedIngest::on_batch_frame(const std::string& peer, const Frame& frame, Instant now) {
  SourceTable::Source* source = sources_.of_peer(peer);
  if (source == nullptr) {
    static_cast<void>(say(peer, Bye{ByeReason::unknown_session, "say SourceHello first"}));
    return;
  }
  source->heard_at = now;
  auto batch = read_batch(frame.bytes(), options_.admission.limits);
  if (!batch) {
    return refuse_frame(peer, batch.error(), frame, "a frame that is no sound batch");
  }
  if ((*batch)->stamped_origin().source != source->id) {
    return refuse_frame(peer, Refusal::malformed_batch, frame,
                        "a batch stamped with another source than the SourceHello's");
  }
  switch (source->receiver.on_batch((*batch)->stamped_origin().number)) {
    case AckedReceiver::Verdict::take: return take(*source, std::move(*batch));
    case AckedReceiver::Verdict::duplicate: ++figures_.duplicates; return;
    case AckedReceiver::Verdict::hole: ++figures_.holes; return;
  }
}

void AckedIngest::take(SourceTable::Source& source, std::unique_ptr<Batch> batch) {
  BatchOrigin origin = batch->stamped_origin();
  origin.sync = source.level == AckLevel::synced;
  if (source.clock_offset_us && batch->received_us() != 0) {
    const std::int64_t then_us = clipped_difference(clock_.wall_us(), *source.clock_offset_us);
    origin.age_us = std::max<std::int64_t>(0, clipped_difference(then_us, batch->received_us()));
  }
  // A frame that is handed on in pieces is as old in each; only the last names it.
  age_us_ = origin.age_us;
  admission_.admit_batch(std::move(batch));
  admission_.flush();
  if (held_ == nullptr) {
    if (source.receiver.acked() < source.newest_told) return;
    source.receiver.on_done(origin.number);
    ++figures_.acked;
    return;
  }
  hand_on(origin);
  source.is_kept = true;
  source.newest_told = origin.number;
  unstamped_.push_back({origin.source, origin.number, source.level, outbox_.batches(), {}});
}

// What was taken under a Hello before this one waits for the level that is wanted now.
void AckedIngest::await_level(SourceTable::Source& source) {
  if (source.receiver.acked() >= source.newest_told) {
    source.receiver.on_done({source.receiver.next().value - 1});
    return;
  }
  const BatchNumber newest = source.newest_told;
  Pending wanted{source.id, newest, source.level, outbox_.batches(), {}};
  const auto is_newest = [&](const Pending& pending) {
    return pending.source == source.id && pending.number == newest;
  };
  for (Pending& pending : unstamped_) {
    if (!is_newest(pending)) continue;
    pending.level = std::max(pending.level, source.level);
    return;
  }
  for (std::size_t level = 0; level < stamped_.size(); ++level) {
    auto& waiting = stamped_[level];
    const auto found = std::find_if(waiting.begin(), waiting.end(), is_newest);
    if (found == waiting.end()) continue;
    if (level >= static_cast<std::size_t>(source.level)) return;
    waiting.erase(found);
    break;
  }
  unstamped_.push_back(wanted);
}

// Admission's outlet: a frame with events to refuse may become several batches.
void AckedIngest::on_batch(std::unique_ptr<Batch> batch) {
  hand_on({{}, {}, false, age_us_, true});
  held_ = std::move(batch);
}

void AckedIngest::hand_on(const BatchOrigin& origin) {
  if (held_ == nullptr) return;
  held_->set_origin(origin);
  outbox_.push(std::move(held_));
}

bool AckedIngest::is_done(const Pending& pending) const {
  switch (pending.level) {
    case AckLevel::received: return true;
    case AckLevel::written: return pending.last <= log_progress_->written();
    case AckLevel::synced: return pending.last <= log_progress_->synced();
  }
  return false;
}

// Finds out what has reached its level since. Returns how many batches moved on.
std::size_t AckedIngest::settle() {
  std::size_t moved = 0;
  if (!unstamped_.empty()) {
    const auto stamped = edge_.stamped();
    for (; !unstamped_.empty() && unstamped_.front().pushed <= stamped.batches; ++moved) {
      unstamped_.front().last = {stamped.last};
      stamped_[static_cast<std::size_t>(unstamped_.front().level)].push_back(unstamped_.front());
      unstamped_.pop_front();
    }
  }
  for (std::deque<Pending>& waiting : stamped_) {
    for (; !waiting.empty() && is_done(waiting.front()); ++moved) {
      const Pending& done = waiting.front();
      SourceTable::Source* source = sources_.find(done.source);
      const bool means_enough = source != nullptr && done.level >= source->level;
      ++figures_.acked;
      if (means_enough && done.number < source->receiver.next()) {
        BatchNumber number = done.number;
        if (number == source->newest_told) number = {source->receiver.next().value - 1};
        source->receiver.on_done(number);
        figures_.acked += number.value - done.number.value;
      }
      waiting.pop_front();
    }
  }
  return moved;
}

std::size_t AckedIngest::answer(Instant now) {
  const RelayChain relays = this->relays();
  const bool heartbeat =
      now - last_heartbeat_ >= options_.limits.heartbeat || relays != relays_told_;
  relays_told_ = relays;
  if (heartbeat) last_heartbeat_ = now;
  std::size_t said = heartbeat;
  std::vector<std::string> gone;
  sources_.for_connected([&](SourceTable::Source& source) {
    auto answer = source.receiver.take_answer();
    if (!answer && !heartbeat) return;
    if (!answer) answer = AckedReceiver::Answer{source.receiver.acked(), std::nullopt};
    // A heartbeat repeats them: one that finds a queue full is lost.
    const Ack ack{source.session, answer->acked, answer->missing.value_or(BatchNumber{}),
                  heartbeat ? relays : RelayChain{}};
    if (say(source.peer, ack) == SendOutcome::unreachable) gone.push_back(source.peer);
    ++said;
  });
  for (const std::string& peer : gone) sources_.disconnect(peer);
  return said;
}

// A queue that is full loses an Ack; the next one says as much and more.
SendOutcome AckedIngest::say(const std::string& peer, const Control& control) {
  Frame identity{std::string_view(peer)};
  Frame frame(write_control(control));
  const SendOutcome outcome = socket_->send(identity, true);
  if (outcome == SendOutcome::sent) static_cast<void>(socket_->send(frame));
  return outcome;
}

void AckedIngest::refuse_frame(const std::string& peer, Refusal why, const Frame& frame,
                               std::string text) {
  figures_.source.refuse(why);
  const std::string from = frame.peer_address();
  log_.warn(name_of(why),
            fmt::format("acked refused a frame of {} bytes from {}: {} ({})", frame.bytes().size(),
                        from.empty() ? "a local socket" : from, text, name_of(why)));
  static_cast<void>(say(peer, Bye{ByeReason::refused, fmt::format("{} ({})", text, name_of(why))}));
  sources_.disconnect(peer);
}

void AckedIngest::on_refused(Refusal why, std::string_view key, std::size_t bytes) {
  const std::string from = at_hand_->peer_address();
  log_.warn(name_of(why),
            fmt::format("acked refused {} bytes under key '{}' from {}; expected {}: {}", bytes,
                        printable(key), from.empty() ? "a local socket" : from,
                        admission_.expected(why), name_of(why)));
}

bool AckedIngest::has_work() {
  if (!unstamped_.empty() && unstamped_.front().pushed <= edge_.stamped().batches) return true;
  for (const std::deque<Pending>& waiting : stamped_) {
    if (!waiting.empty() && is_done(waiting.front())) return true;
  }
  return (!outbox_.empty() || socket_->readable()) && !outbox_.await_room();
}

void AckedIngest::wait_fds(std::vector<int>& fds) const { fds.push_back(fd_); }

Agent::Drain AckedIngest::drain(Instant now) {
  static_cast<void>(outbox_.flush());
  outbox_.ring();
  static_cast<void>(settle());
  static_cast<void>(answer(now));
  show();
  const bool all_done =
      unstamped_.empty() && std::all_of(stamped_.begin(), stamped_.end(),
                                        [](const auto& waiting) { return waiting.empty(); });
  return all_done ? Drain::finished : Drain::unfinished;
}

// What is not acknowledged is the source's still, so nothing is left behind here.
std::uint64_t AckedIngest::on_stop() {
  sources_.for_connected([&](SourceTable::Source& source) {
    static_cast<void>(say(source.peer, Bye{ByeReason::closing, "the relay stops"}));
  });
  show();
  socket_.reset();
  return 0;
}

void AckedIngest::show() {
  SourceFigures& admitted = admission_.figures();
  figures_.source.accepted_events = admitted.accepted_events;
  for (std::size_t i = 0; i < kRefusalCount; ++i) {
    figures_.source.refused[i] += std::exchange(admitted.refused[i], 0);
  }
  figures_.pending = unstamped_.size();
  for (const auto& waiting : stamped_) figures_.pending += waiting.size();
  figures_.source.refused_events += std::exchange(admitted.refused_events, 0);
  figures_.connected = sources_.connected();
  figures_.known = sources_.size();
  shown_.publish(figures_);
}

void AckedIngest::sample(Samples& samples) const {
  const Figures figures = shown_.read();
  figures.source.sample("acked", samples);
  const auto add = [&](Metric metric, std::uint64_t value) {
    samples.push_back({metric, static_cast<double>(value), {}});
  };
  add(Metric::acked_duplicates, figures.duplicates);
  add(Metric::acked_holes, figures.holes);
  add(Metric::acked_batches, figures.acked);
  add(Metric::acked_pending, figures.pending);
  add(Metric::acked_sources, figures.connected);
  add(Metric::acked_sources_known, figures.known);
}

}  // namespace xylem
