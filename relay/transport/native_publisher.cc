#include "relay/transport/native_publisher.h"

#include <algorithm>
#include <utility>

namespace xylem {

NativePublisher::NativePublisher(const SocketOptions& options, const IpcAccess& access,
                                 std::shared_ptr<NativeThread> thread)
    : NativeSocket(zmtp::SocketType::xpub, options, access, std::move(thread)) {}

void NativePublisher::on_subscription(NativePeer& peer,
                                      const zmtp::Connection::Subscription& said) {
  using Added = zmtp::PrefixTable::Added;
  using Removed = zmtp::PrefixTable::Removed;
  if (!said.wanted) {
    const Removed removed = table_.remove(peer.id, said.prefix);
    if (removed != Removed::others_have) NativeFigures::add(figures().cancels, 1);
    if (removed != Removed::had_none) remembered_.clear();
    if (removed == Removed::last) tell_gone(said.prefix);
    return;
  }
  const bool is_first = !table_.has(said.prefix);
  const Added added = table_.add(peer.id, said.prefix);
  if (added == Added::refused) NativeFigures::add(figures().prefixes_refused, 1);
  if (added != Added::added) return;
  peers_[peer.id] = &peer;
  remembered_.clear();
  if (!is_first) return;
  Frame frame{"\1" + std::string(said.prefix)};
  set_received(frame, peer.received());
  give(std::move(frame), false);
}

void NativePublisher::on_leave(NativePeer& peer) {
  std::erase(sending_to_, &peer);
  if (peers_.erase(peer.id) == 0) return;
  remembered_.clear();
  for (const std::string& prefix : table_.remove_all(peer.id)) tell_gone(prefix);
}

void NativePublisher::tell_gone(std::string_view prefix) {
  give(Frame{std::string(1, '\0') + std::string(prefix)}, false);
}

const std::vector<NativePeer*>& NativePublisher::subscribers_of(std::string_view key) {
  if (const auto found = remembered_.find(key); found != remembered_.end()) return found->second;
  if (remembered_.size() >= kKeysRememberedMax) remembered_.clear();
  matched_.clear();
  table_.match(key, matched_);
  std::vector<NativePeer*>& subscribers = remembered_[std::string(key)];
  for (const auto id : matched_) subscribers.push_back(peers_.at(id));
  return subscribers;
}

SendOutcome NativePublisher::send(Frame& frame, bool more) {
  if (!is_inside_) {
    const auto& subscribers = subscribers_of(frame.text());
    const auto is_full = [this](NativePeer* peer) { return !has_room(*peer); };
    if (refuses_ && std::any_of(subscribers.begin(), subscribers.end(), is_full)) {
      return SendOutcome::full;
    }
    sending_to_ = subscribers;
    std::erase_if(sending_to_, is_full);
  }
  is_inside_ = more;
  put(sending_to_, frame, more);
  if (more) return SendOutcome::sent;
  // From behind: who fails at being written to takes itself out of the list.
  for (std::size_t i = sending_to_.size(); i-- > 0;) write_if_much(*sending_to_[i]);
  return SendOutcome::sent;
}

}  // namespace xylem
