#include "relay/transport/native_router.h"

#include <random>
#include <utility>

namespace xylem {

NativeRouter::NativeRouter(const SocketOptions& options, const IpcAccess& access,
                           std::shared_ptr<NativeThread> thread)
    : NativeSocket(zmtp::SocketType::router, options, access, std::move(thread)),
      next_identity_(std::random_device{}()) {}

void NativeRouter::on_join(NativePeer& peer) {
  std::string identity = peer.peer().identity;
  if (identity.empty()) {
    // Begins with 00, as no identity of a peer's own may.
    identity.assign(1, '\0');
    for (int shift = 24; shift >= 0; shift -= 8) {
      identity += static_cast<char>(next_identity_ >> shift);
    }
    ++next_identity_;
  }
  // Who comes back before its old connection is known to be dead gets its identity again; who only
  // guessed one that is in use does not (docs/transport.md §2).
  if (const auto holder = peers_.find(identity); holder != peers_.end()) {
    if (holder->second->silent_for() < kHandOverAfter) {
      return peer.end(NativeFigures::Ended::identity_taken);
    }
    holder->second->end(NativeFigures::Ended::identity_left);
  }
  peers_[identity] = &peer;
  identities_[&peer] = std::move(identity);
}

void NativeRouter::on_leave(NativePeer& peer) {
  if (const auto identity = identities_.extract(&peer)) peers_.erase(identity.mapped());
  if (sending_to_ == &peer) sending_to_ = nullptr;
}

void NativeRouter::on_message(NativePeer& peer, const zmtp::Connection::Message& message) {
  const std::string& identity = identities_.at(&peer);
  Frame first{std::string_view(identity)};
  give(std::move(first), true);
  give(peer, message);
}

SendOutcome NativeRouter::send(Frame& frame, bool more) {
  if (is_inside_) {
    is_inside_ = more;
    if (sending_to_ == nullptr) return SendOutcome::sent;
    put(std::span(&sending_to_, 1), frame, more);
    if (!more) write_if_much(*sending_to_);
    return SendOutcome::sent;
  }
  const auto found = peers_.find(std::string(frame.text()));
  if (found == peers_.end()) return SendOutcome::unreachable;
  if (!has_room(*found->second)) return SendOutcome::full;
  sending_to_ = found->second;
  is_inside_ = more;
  return SendOutcome::sent;
}

}  // namespace xylem
