#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "relay/transport/native_socket.h"
#include "relay/zmtp/prefix_table.h"

namespace xylem {

// XPUB: a message goes to everybody who has a prefix of its first frame. The application hears of a
// prefix when the first has it, and when the last has not; a cancel of what was never had says
// nothing. Its frames of the second kind have no peer.
class NativePublisher final : public NativeSocket {
 public:
  NativePublisher(const SocketOptions& options, const IpcAccess& access,
                  std::shared_ptr<NativeThread> thread);

  void refuse_when_full(bool refuse) override { refuses_ = refuse; }
  SendOutcome send(Frame& frame, bool more) override;

 private:
  void on_message(NativePeer&, const zmtp::Connection::Message&) override {}
  void on_subscription(NativePeer& peer, const zmtp::Connection::Subscription& said) override;
  void on_leave(NativePeer& peer) override;
  [[nodiscard]] const std::vector<NativePeer*>& subscribers_of(std::string_view key);
  void tell_gone(std::string_view prefix);

  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };
  static constexpr std::size_t kKeysRememberedMax = 4096;

  zmtp::PrefixTable table_{{}};
  std::unordered_map<zmtp::PrefixTable::Subscriber, NativePeer*> peers_;
  // What the table said, until it changes.
  std::unordered_map<std::string, std::vector<NativePeer*>, Hash, std::equal_to<>> remembered_;
  std::vector<zmtp::PrefixTable::Subscriber> matched_;
  std::vector<NativePeer*> sending_to_;
  bool refuses_ = false;
  bool is_inside_ = false;  // a message
};

}  // namespace xylem
