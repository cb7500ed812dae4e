#include "relay/transport/native_kinds.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "relay/transport/native_publisher.h"
#include "relay/transport/native_router.h"
#include "relay/transport/native_socket.h"

namespace xylem {
namespace {

// PUSH, PULL, DEALER, SUB: whole messages, to those who have room in turn, and from anybody. Unless
// `immediate` is asked for, one that connects keeps what is sent before it is connected.
class NativeFair : public NativeSocket {
 public:
  using NativeSocket::NativeSocket;

  SendOutcome send(Frame& frame, bool more) final {
    if (!is_inside_ && !choose()) return SendOutcome::full;
    is_inside_ = more;
    if (is_early_) {
      NativeSocket::put(early_, frame, more);
      is_early_ = more;
      return SendOutcome::sent;
    }
    if (sending_to_ == nullptr) return SendOutcome::sent;
    NativeSocket::put(std::span(&sending_to_, 1), frame, more);
    if (!more) write_if_much(*sending_to_);
    return SendOutcome::sent;
  }

 protected:
  bool can_send() final { return is_inside_ || any_has_room() || may_keep(); }
  void on_message(NativePeer& peer, const zmtp::Connection::Message& message) final {
    give(peer, message);
  }
  void on_join(NativePeer& peer) override {
    joined_.push_back(&peer);
    if (!early_.empty() && !is_early_) take_over(peer, early_);
  }
  void on_leave(NativePeer& peer) override {
    std::erase(joined_, &peer);
    if (sending_to_ == &peer) sending_to_ = nullptr;
  }
  [[nodiscard]] const std::vector<NativePeer*>& joined() const { return joined_; }

 private:
  [[nodiscard]] bool any_has_room() const {
    return std::any_of(joined_.begin(), joined_.end(),
                       [this](auto* peer) { return has_room(*peer); });
  }
  // Who gets the next message; false if none has room, also after a look at what has changed.
  bool choose() {
    sending_to_ = next_with_room();
    if (sending_to_ == nullptr) {
      collect();
      sending_to_ = next_with_room();
    }
    is_early_ = sending_to_ == nullptr && may_keep();
    return sending_to_ != nullptr || is_early_;
  }
  [[nodiscard]] bool may_keep() const {
    return joined_.empty() && keeps_early() && early_.bytes() < bytes_max();
  }
  NativePeer* next_with_room() {
    for (std::size_t tried = 0; tried < joined_.size(); ++tried) {
      next_ = (next_ + 1) % joined_.size();
      if (has_room(*joined_[next_])) return joined_[next_];
    }
    return nullptr;
  }

  std::vector<NativePeer*> joined_;
  std::size_t next_ = 0;
  NativePeer* sending_to_ = nullptr;
  bool is_inside_ = false;  // a message
  zmtp::Output early_;      // for whom is not connected yet
  bool is_early_ = false;   // the message at hand goes there
};

class NativeSubscriber final : public NativeFair {
 public:
  using NativeFair::NativeFair;

  void subscribe(std::string_view prefix) override {
    if (!prefixes_.emplace(prefix).second) return;
    for (NativePeer* peer : joined()) tell(*peer, prefix);
    flush();
  }

 private:
  void on_join(NativePeer& peer) override {
    NativeFair::on_join(peer);
    for (const std::string& prefix : prefixes_) tell(peer, prefix);
  }
  // In the form that its version has for it.
  void tell(NativePeer& peer, std::string_view prefix) {
    std::string octets;
    peer.peer().minor == 0 ? zmtp::write_old_subscription(octets, true, prefix)
                           : zmtp::write_subscription(octets, true, prefix);
    put(peer, octets);
  }

  std::set<std::string, std::less<>> prefixes_;
};

}  // namespace

std::unique_ptr<RawSocket> open_native(SocketKind kind, const SocketOptions& options,
                                       const IpcAccess& access,
                                       std::shared_ptr<NativeThread> thread) {
  using zmtp::SocketType;
  switch (kind) {
    case SocketKind::sub:
      return std::make_unique<NativeSubscriber>(SocketType::sub, options, access,
                                                std::move(thread));
    case SocketKind::xpub:
      return std::make_unique<NativePublisher>(options, access, std::move(thread));
    case SocketKind::router:
      return std::make_unique<NativeRouter>(options, access, std::move(thread));
    case SocketKind::push: break;
    case SocketKind::pull:
      return std::make_unique<NativeFair>(SocketType::pull, options, access, std::move(thread));
    case SocketKind::dealer:
      return std::make_unique<NativeFair>(SocketType::dealer, options, access, std::move(thread));
  }
  return std::make_unique<NativeFair>(SocketType::push, options, access, std::move(thread));
}

}  // namespace xylem
