#pragma once

#include <chrono>
#include <string>
#include <unordered_map>

#include "relay/transport/native_socket.h"

namespace xylem {

// ROUTER: each message begins with the identity of its peer, which a peer without one is given. A
// peer that says the identity of another is closed on, and so comes back until that one is gone or
// has been silent for kHandOverAfter; to hand it over at once would give whoever guesses it what is
// another's.
class NativeRouter final : public NativeSocket {
 public:
  NativeRouter(const SocketOptions& options, const IpcAccess& access,
               std::shared_ptr<NativeThread> thread);

  SendOutcome send(Frame& frame, bool more) override;

 private:
  static constexpr auto kHandOverAfter = std::chrono::seconds(5);

  void on_message(NativePeer& peer, const zmtp::Connection::Message& message) override;
  void on_join(NativePeer& peer) override;
  void on_leave(NativePeer& peer) override;

  std::unordered_map<std::string, NativePeer*> peers_;
  std::unordered_map<const NativePeer*, std::string> identities_;
  std::uint32_t next_identity_;
  NativePeer* sending_to_ = nullptr;
  bool is_inside_ = false;  // a message
};

}  // namespace xylem
