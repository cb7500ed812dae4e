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

namespace xylem {

// What the native sockets of one thread share.
struct NativeThread {
  // Writes what was sent and still waits, of all sockets.
  void flush();

  Poller poller;
  ReceiveSlabs slabs;
  std::vector<NativePeer*> dirty;  // that have something to write
};

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
  void flush() final { thread_->flush(); }

 protected:
  // Whom messages go to and come from is what kinds of sockets differ in.
  virtual void on_message(NativePeer& peer, const zmtp::Connection::Message& message) = 0;
  virtual void on_subscription(NativePeer&, const zmtp::Connection::Subscription&) {}
  virtual void on_join(NativePeer&) {}
  virtual void on_leave(NativePeer&) {}  // of one that had joined

  // What the application is to receive, frame by frame.
  void give(Frame frame, bool more);
  void give(const NativePeer& peer, const zmtp::Connection::Message& message);

  [[nodiscard]] bool has_room(NativePeer& peer) const {
    return peer.output().bytes() < options_.send_bytes_max;
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

 private:
  [[nodiscard]] bool may_accept() const final { return peers_.size() < kConnectionsMax; }
  void on_accepted(int fd) final { static_cast<void>(adopt(fd)); }
  void on_made(NativeConnector& connector, int fd) final;
  void on_connected(NativePeer& peer) final;
  void on_readable(NativePeer& peer) final;
  void on_writable(NativePeer& peer) final;
  void on_closed(NativePeer& peer) final;

  NativePeer& adopt(int fd);
  void take_next_message();
  void mark_dirty(NativePeer& peer);
  void write_the_rest();

  static constexpr std::size_t kConnectionsMax = 16'384;
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
  std::deque<NativePeer*> ready_;
  std::deque<Frame> frames_;  // of the message at hand
  std::uint64_t collected_ = 0;
  std::uint32_t next_id_ = 1;
  bool is_ending_ = false;
};

}  // namespace xylem
