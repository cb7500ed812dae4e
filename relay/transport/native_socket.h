#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "relay/transport/context.h"
#include "relay/transport/native_connector.h"
#include "relay/transport/native_listener.h"
#include "relay/transport/native_peer.h"
#include "relay/transport/native_thread.h"

namespace xylem {

// A ZeroMQ socket of our own: ZMTP 3.1 over TCP and ipc, on the thread of its owner, without
// another thread. Reading goes round the peers, a slab at a time. What is sent is gathered for each
// peer, and written when a socket of the thread is next asked whether there is something, or sooner
// if it is much.
//
// Where a libzmq socket counts messages this one counts octets, of what waits to be written; what
// comes in waits in the kernel. What was sent to a peer that is lost is lost with it.
class NativeSocket : public RawSocket,
                     NativePeer::Owner,
                     NativeListener::Owner,
                     NativeConnector::Owner {
 public:
  NativeSocket(zmtp::SocketType type, const SocketOptions& options, const IpcAccess& access,
               std::shared_ptr<NativeThread> thread);
  ~NativeSocket() override;

  Result<Address> bind(const Address& address) final;
  Result<void> connect(const Address& address) final;
  void subscribe(std::string_view) override {}
  void refuse_when_full(bool) override {}
  void ask_whether_gone(std::string_view) final {}  // its cancels are all true
  void linger(int milliseconds) final { options_.linger_ms = milliseconds; }
  bool receive(Frame& frame) final;
  int fd() final { return thread_->poller.fd(); }
  bool readable() final;
  bool writable() final;
  void flush() final { thread_->flush(); }

 protected:
  // Whom messages go to and come from is what kinds of sockets differ in.
  virtual void on_message(NativePeer& peer, const zmtp::Connection::Message& message) = 0;
  virtual void on_subscription(NativePeer&, const zmtp::Connection::Subscription&) {}
  virtual void on_join(NativePeer&) {}
  virtual void on_leave(NativePeer&) {}  // of one that had joined
  [[nodiscard]] virtual bool can_send() { return true; }

  // What the application is to receive, frame by frame.
  void give(Frame frame, bool more);
  void give(const NativePeer& peer, const zmtp::Connection::Message& message);

  [[nodiscard]] bool has_room(NativePeer& peer) const {
    return peer.output().bytes() < thread_->output_share(options_.send_bytes_max);
  }
  // Behind what waits for each of them. Nobody leaves by that.
  void put(std::span<NativePeer* const> peers, Frame& frame, bool more);
  static void put(zmtp::Output& output, Frame& frame, bool more);
  void put(NativePeer& peer, std::string_view octets);
  void take_over(NativePeer& peer, zmtp::Output& octets);
  [[nodiscard]] bool keeps_early() const { return !options_.immediate && !connectors_.empty(); }
  [[nodiscard]] std::size_t bytes_max() const { return options_.send_bytes_max; }
  // Writes early if much waits; the peer may have left then.
  void write_if_much(NativePeer& peer) {
    if (peer.output().bytes() >= kWriteAtBytes) peer.flush();
  }
  // Takes in what has changed, without waiting, and writes what waits.
  void collect();
  [[nodiscard]] NativeFigures& figures() { return *thread_->figures; }

 private:
  [[nodiscard]] bool may_accept() const final;
  void on_accepted(int fd) final;
  void on_paused() final { NativeFigures::add(figures().accept_pauses, 1); }
  void on_made(NativeConnector& connector, int fd) final;
  void on_connected(NativePeer& peer) final;
  void on_readable(NativePeer& peer) final;
  void on_writable(NativePeer& peer) final;
  void on_closed(NativePeer& peer) final;

  NativePeer& adopt(int fd);
  void take_next_message();
  bool take_from(NativePeer& peer);
  void look();
  void mark_dirty(NativePeer& peer);
  void write_the_rest();

  static constexpr std::size_t kConnectionsMax = 16'384;
  // Of a message. Whoever sends more than are wanted is told so by who receives them.
  static constexpr std::size_t kFramesMax = 1'024;
  // In the handshake at a time. The oldest makes room for one more if it has had long enough;
  // else that one waits: a fleet that comes back at once is no crowd of strangers.
  static constexpr std::size_t kHandshakesMax = 256;
  static constexpr auto kHandshakeLong = std::chrono::seconds(1);
  static constexpr std::size_t kWriteAtBytes = std::size_t{128} << 10;

  zmtp::SocketType type_;
  SocketOptions options_;
  IpcAccess ipc_access_;
  std::shared_ptr<NativeThread> thread_;
  std::vector<std::unique_ptr<NativeListener>> listeners_;
  std::vector<std::unique_ptr<NativeConnector>> connectors_;
  std::unordered_map<NativePeer*, std::unique_ptr<NativePeer>> peers_;
  std::unordered_map<NativePeer*, NativeConnector*> made_by_;
  std::vector<std::unique_ptr<NativePeer>> closed_;  // destroyed once nobody is inside them
  std::deque<NativePeer*> greeting_;                 // accepted and not connected yet, oldest first
  std::deque<NativePeer*> ready_;
  std::deque<Frame> frames_;  // of the message at hand
  std::uint64_t collected_ = 0;
  bool has_looked_ = false;  // since it was last asked whether there is something to do
  bool has_taken_ = false;   // a message, since it last looked
  std::uint32_t next_id_ = 1;
  bool is_ending_ = false;
};

}  // namespace xylem
