#include "relay/transport/native_socket.h"

#include <poll.h>

#include <algorithm>
#include <utility>

namespace xylem {

void NativeThread::flush() {
  while (!dirty.empty()) {
    NativePeer& peer = *dirty.back();
    dirty.pop_back();
    peer.is_listed_dirty = false;
    peer.flush();
  }
}

NativeSocket::NativeSocket(zmtp::SocketType type, const SocketOptions& options,
                           const IpcAccess& access, std::shared_ptr<NativeThread> thread)
    : type_(type), options_(options), ipc_access_(access), thread_(std::move(thread)) {
  if (options_.send_hwm == 0) options_.send_bytes_max = ~std::size_t{0};
}

NativeSocket::~NativeSocket() {
  is_ending_ = true;
  listeners_.clear();
  connectors_.clear();
  write_the_rest();
  // A peer that closes takes itself out of the lists.
  while (!peers_.empty()) peers_.begin()->second->close();
}

Result<Address> NativeSocket::bind(const Address& address) {
  XYLEM_TRY(auto listener, NativeListener::open(address, ipc_access_, thread_->poller, *this));
  listeners_.push_back(std::move(listener));
  return listeners_.back()->address();
}

Result<void> NativeSocket::connect(const Address& address) {
  const NativeConnector::Pace pace{options_.reconnect_ms, options_.reconnect_max_ms};
  NativeConnector::Owner& owner = *this;
  connectors_.push_back(std::make_unique<NativeConnector>(address, pace, thread_->poller, owner));
  return {};
}

NativePeer& NativeSocket::adopt(int fd) {
  NativePeer::Options options{type_, {}};
  options.limits.message_bytes_max = options_.frame_bytes_max < 0
                                         ? ~std::uint64_t{0} >> 1
                                         : static_cast<std::uint64_t>(options_.frame_bytes_max);
  options.limits.frames_max = kFramesMax;
  NativePeer::Owner& owner = *this;
  auto peer = std::make_unique<NativePeer>(fd, options, *thread_, owner);
  NativePeer& adopted = *peer;
  adopted.id = next_id_++;
  peers_.emplace(&adopted, std::move(peer));
  return adopted;
}

void NativeSocket::on_made(NativeConnector& connector, int fd) {
  NativePeer& peer = adopt(fd);
  made_by_.emplace(&peer, &connector);
  peer.open();
}

bool NativeSocket::may_accept() const {
  if (peers_.size() >= kConnectionsMax) return false;
  return greeting_.size() < kHandshakesMax ||
         Poller::now() - greeting_.front()->made_at() > kHandshakeLong;
}

void NativeSocket::on_accepted(int fd) {
  NativeFigures::add(figures().accepted, 1);
  if (greeting_.size() >= kHandshakesMax) {
    greeting_.front()->end(NativeFigures::Ended::handshake_crowded);
  }
  NativePeer& peer = adopt(fd);
  greeting_.push_back(&peer);
  peer.open();
}

void NativeSocket::on_connected(NativePeer& peer) {
  if (std::erase(greeting_, &peer) != 0) {
    for (const auto& listener : listeners_) listener->resume();
  }
  peer.has_joined = true;
  if (const auto made = made_by_.find(&peer); made != made_by_.end()) made->second->on_connected();
  on_join(peer);
}

// A PUSH is sent nothing but PINGs, and nobody asks it for messages.
void NativeSocket::on_readable(NativePeer& peer) {
  if (type_ == zmtp::SocketType::push) {
    while (peer.read()) static_cast<void>(peer.next());
    return;
  }
  if (!std::exchange(peer.is_listed_ready, true)) ready_.push_back(&peer);
}

void NativeSocket::on_writable(NativePeer&) {}

void NativeSocket::on_closed(NativePeer& peer) {
  if (std::exchange(peer.is_listed_ready, false)) std::erase(ready_, &peer);
  if (std::exchange(peer.is_listed_dirty, false)) std::erase(thread_->dirty, &peer);
  peer.has_joined ? on_leave(peer) : static_cast<void>(std::erase(greeting_, &peer));
  const auto made = made_by_.find(&peer);
  if (made != made_by_.end()) {
    if (!is_ending_) made->second->on_lost();
    made_by_.erase(made);
  }
  const auto found = peers_.find(&peer);
  if (found == peers_.end()) return;
  closed_.push_back(std::move(found->second));
  peers_.erase(found);
  for (const auto& listener : listeners_) listener->resume();
}

void NativeSocket::give(Frame frame, bool more) {
  set_more(frame, more);
  frames_.push_back(std::move(frame));
}

void NativeSocket::give(const NativePeer& peer, const zmtp::Connection::Message& message) {
  std::size_t left = message.frames.size();
  for (const auto& bytes : message.frames)
    give(received_frame(bytes, peer.received()), --left != 0);
}

bool NativeSocket::receive(Frame& frame) {
  if (frames_.empty()) take_next_message();
  if (frames_.empty()) return false;
  frame = std::move(frames_.front());
  frames_.pop_front();
  return true;
}

// False once there is nothing more to be had of it; true if its turn is over, or a message is
// there.
bool NativeSocket::take_from(NativePeer& peer) {
  while (peer.read()) {
    const auto step = peer.next();
    if (const auto* message = std::get_if<zmtp::Connection::Message>(&step.what)) {
      on_message(peer, *message);
    } else if (const auto* said = std::get_if<zmtp::Connection::Subscription>(&step.what)) {
      on_subscription(peer, *said);
    } else if (std::holds_alternative<zmtp::Connection::NeedsMore>(step.what)) {
      return true;
    }
    if (!frames_.empty()) return true;
  }
  return false;
}

// Goes round those who have something, a slab of each at a time.
void NativeSocket::take_next_message() {
  for (bool fresh = false;; fresh = true) {
    while (!ready_.empty()) {
      NativePeer& peer = *ready_.front();
      const bool goes_on = take_from(peer);
      if (!frames_.empty()) {
        has_taken_ = true;
        return;
      }
      if (peer.is_closed()) continue;
      ready_.pop_front();
      if (goes_on) {
        ready_.push_back(&peer);
      } else {
        peer.is_listed_ready = false;
      }
    }
    // Who has just taken something comes back for more, and then is soon enough to look.
    if (std::exchange(has_taken_, false) || fresh) return flush();
    look();
  }
}

// Once for all sockets of the thread: what another has collected is not collected again.
void NativeSocket::look() {
  const std::uint64_t collected = thread_->poller.collected();
  if (std::exchange(collected_, collected) == collected) {
    collect();
  } else {
    flush();
  }
  has_looked_ = true;
}

void NativeSocket::collect() {
  closed_.clear();
  flush();
  thread_->poller.collect();
  collected_ = thread_->poller.collected();
}

// Who sleeps on the poller must have looked at what it told, also while there is no room to receive
// it, or it would be told at once again.
bool NativeSocket::readable() {
  std::exchange(has_looked_, false) ? flush() : collect();
  return !frames_.empty() || !ready_.empty();
}

bool NativeSocket::writable() {
  if (std::exchange(has_looked_, false)) {
    flush();
  } else {
    collect();
    has_looked_ = true;
  }
  return can_send();
}

void NativeSocket::put(std::span<NativePeer* const> peers, Frame& frame, bool more) {
  const auto owner = is_kept(frame) ? std::make_shared<Frame>(std::move(frame)) : nullptr;
  for (NativePeer* peer : peers) {
    owner ? peer->output().put_frame(owner->bytes(), more, owner)
          : peer->output().put_frame(frame.bytes(), more);
    mark_dirty(*peer);
  }
}

void NativeSocket::put(zmtp::Output& output, Frame& frame, bool more) {
  if (!is_kept(frame)) return output.put_frame(frame.bytes(), more);
  const auto owner = std::make_shared<Frame>(std::move(frame));
  output.put_frame(owner->bytes(), more, owner);
}

void NativeSocket::put(NativePeer& peer, std::string_view octets) {
  peer.output().put(octets);
  mark_dirty(peer);
}

void NativeSocket::take_over(NativePeer& peer, zmtp::Output& octets) {
  peer.output().take_over(octets);
  mark_dirty(peer);
}

void NativeSocket::mark_dirty(NativePeer& peer) {
  peer.count_output();
  if (!std::exchange(peer.is_listed_dirty, true)) thread_->dirty.push_back(&peer);
}

// What was sent gets `linger_ms` to leave, and the other side as long to read it: closed before, a
// connection with something unread takes what is on its way with it.
void NativeSocket::write_the_rest() {
  if (options_.linger_ms <= 0) return flush();
  const auto end = Poller::now() + std::chrono::milliseconds(options_.linger_ms);
  std::vector<NativePeer*> left;
  for (const auto& [peer, owned] : peers_) left.push_back(peer);
  std::vector<NativePeer*> finished;
  while (!left.empty()) {
    flush();
    thread_->poller.collect();
    for (NativePeer* peer : left) {
      if (!peers_.contains(peer) || !peer->is_connected()) continue;
      peer->flush();
      if (peer->is_closed() || !peer->output().empty()) continue;
      if (std::find(finished.begin(), finished.end(), peer) == finished.end()) {
        peer->finish_writing();
        finished.push_back(peer);
      }
      while (peer->read()) static_cast<void>(peer->next());
    }
    std::erase_if(
        left, [&](NativePeer* peer) { return !peers_.contains(peer) || !peer->is_connected(); });
    const auto rest = std::chrono::ceil<std::chrono::milliseconds>(end - Poller::now());
    if (left.empty() || rest.count() <= 0) return;
    pollfd wait{thread_->poller.fd(), POLLIN, 0};
    ::poll(&wait, 1, static_cast<int>(rest.count()));
  }
}

}  // namespace xylem
