#include "relay/client/outbox.h"

#include <algorithm>
#include <climits>
#include <cstring>
#include <ctime>

#include "relay/event/routing_key.h"
#include "relay/transport/lookup.h"

namespace xylem {
namespace {
// Where a batch comes together while the one before is sent, the next is given a moment to grow:
// each costs every thread on its way a wake-up (docs/decisions/0007). A lone event never waits.
constexpr std::size_t kManyEvents = 32;
constexpr timespec kMoment{0, 250'000};

constexpr Duration kLookInterval = std::chrono::seconds(5);

// Room for batches that every relay takes, and for the largest event alone.
FrameLimits frame_for(std::size_t event_bytes) {
  return {std::max(kFrameTakenEverywhere.bytes_max, event_bytes + kFrameBytesBesideAnEvent)};
}

void rest() { ::nanosleep(&kMoment, nullptr); }
}  // namespace

Outbox::Outbox(Options options, Context& context)
    : options_(std::move(options)),
      context_(context),
      open_(options_.batch_bytes_full, frame_for(options_.event_bytes_max)),
      shaper_(open_),
      json_({options_.batch_bytes_full, options_.event_bytes_max}),
      event_(options_.event_bytes_max) {}

Result<void> Outbox::on_start() {
  XYLEM_TRY(found_, look_up_to_connect(options_.relay));
  return connect();
}

Result<void> Outbox::connect() {
  SocketOptions socket;
  socket.send_hwm = options_.send_hwm;
  socket.immediate = true;  // what waits, waits here, where it is counted
  if (auto made = Socket::open(socket_, context_, SocketKind::push, socket); !made) return made;
  if (auto connected = socket_->connect(found_); !connected) return connected;
  fd_ = socket_->fd();
  return {};
}

// While nothing can be sent, the relay may have moved to another address. Where its name still
// means the same the socket stays: what it holds may be on its way.
void Outbox::follow_the_name(Instant now) {
  if (!options_.relay.is_name() || now < look_at_) return;
  const bool first = look_at_ == Instant{};
  look_at_ = now + kLookInterval;
  if (first || socket_->writable()) return;
  const auto found = look_up_to_connect(options_.relay);
  if (!found || *found == found_) return;
  found_ = *found;
  // Without a descriptor for another socket the old one stays, until the next look.
  if (!connect()) found_ = options_.relay;
}

bool Outbox::put(std::string_view key, std::string_view body, std::int64_t timestamp_us,
                 bool wake) {
  bool ring = wake;
  {
    const std::lock_guard lock(mutex_);
    ++figures_.offered;
    const bool no_room = full_bytes_ + open_.bytes() + body.size() > options_.waiting_bytes_max;
    if (no_room || body.size() > options_.event_bytes_max) {
      ++figures_.dropped;
      return false;
    }
    if (!open_.empty() && !open_.has_room(body.size(), kFrameTakenEverywhere)) {
      close_open();
      ring = true;
    }
    if (!add(key, body, timestamp_us)) {
      ++figures_.dropped;
      return false;
    }
    ++figures_.waiting;
    if (open_.full()) {
      close_open();
      ring = true;
    }
  }
  if (ring) bell_->ring();
  return true;
}

void Outbox::refuse() {
  const std::lock_guard lock(mutex_);
  ++figures_.offered;
  ++figures_.dropped;
}

// By its shape, if it has one. Otherwise its key is looked at; the rest is for the relay to say.
bool Outbox::add(std::string_view key, std::string_view body, std::int64_t timestamp_us) {
  char* copy = reinterpret_cast<char*>(event_.begin());
  std::memcpy(copy, body.data(), body.size());
  const char* const end = copy + body.size();
  const auto take = [&] {
    const Shaper::Taken* taken = shaper_.take(copy, end);
    const bool whole = taken != nullptr && taken->end == end && taken->key == key;
    whole ? shaper_.commit() : shaper_.rollback();
    return whole;
  };
  if (take()) return true;
  if (!is_routing_key(key)) return false;
  const auto scan = json_.scan({copy, body.size()});
  const bool sound = scan && !(*scan)->is_list && (*scan)->events[0].accepted &&
                     key_is_of_type(key, (*scan)->events[0].type);
  if (sound && shaper_.teach({copy, body.size()}, key) && take()) return true;
  std::memcpy(open_.place(body.size()), body.data(), body.size());
  open_.add(key, body.size(), timestamp_us);
  return true;
}

// REQUIRES the mutex.
void Outbox::close_open() {
  if (options_.replayed) open_.mark_replayed();
  full_.push_back(open_.finish());
  full_bytes_ += full_.back()->frame().size();
}

bool Outbox::nothing_waits() const { return full_.empty() && open_.empty(); }

bool Outbox::is_full() const {
  const std::lock_guard lock(mutex_);
  return !full_.empty();
}

bool Outbox::take_front() {
  const std::lock_guard lock(mutex_);
  if (nothing_waits()) return false;
  if (full_.empty()) close_open();
  at_hand_ = BatchRef(std::move(full_.front()));
  batch_events_ = at_hand_->size();
  full_.erase(full_.begin());
  return true;
}

// A socket that was writable can lose its only connection before it is written to; then the batch
// at hand waits for the next.
bool Outbox::send_front() {
  if (!at_hand_ && !take_front()) return false;
  Frame frame(at_hand_);
  if (socket_->send(frame) != SendOutcome::sent) return false;
  const std::lock_guard lock(mutex_);
  full_bytes_ -= at_hand_->frame().size();
  figures_.waiting -= at_hand_->size();
  figures_.sent += at_hand_->size();
  at_hand_ = {};
  return true;
}

std::size_t Outbox::do_work(Instant now) {
  follow_the_name(now);
  if (batch_events_ >= kManyEvents && !is_full()) rest();
  std::size_t sent = 0;
  while (sent < 16 && socket_->writable() && send_front()) ++sent;
  return sent;
}

bool Outbox::has_work() {
  if (!socket_->writable()) return false;
  const std::lock_guard lock(mutex_);
  return at_hand_ || !nothing_waits();
}

void Outbox::wait_fds(std::vector<int>& fds) const { fds.push_back(fd_); }

Agent::Drain Outbox::drain(Instant now) {
  while (do_work(now) != 0) {
  }
  const std::lock_guard lock(mutex_);
  return !at_hand_ && nothing_waits() ? Drain::finished : Drain::unfinished;
}

void Outbox::linger(Duration patience) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(patience).count();
  linger_ms_ = static_cast<int>(std::clamp<std::int64_t>(ms, 0, INT_MAX));
}

std::uint64_t Outbox::on_stop() {
  socket_->linger(linger_ms_);
  socket_.reset();
  const std::lock_guard lock(mutex_);
  const std::uint64_t left = figures_.waiting;
  figures_.dropped += left;
  figures_.waiting = 0;
  return left;
}

OutboxFigures Outbox::figures() const {
  const std::lock_guard lock(mutex_);
  return figures_;
}

}  // namespace xylem
