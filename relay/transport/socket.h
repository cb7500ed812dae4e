#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>
#include <zmq.hpp>

#include "relay/base/result.h"
#include "relay/event/batch.h"
#include "relay/transport/address.h"

namespace xylem {

// ZeroMQ, and nothing else in the tree knows it. One Context per process; it outlives every Socket.
class Context {
 public:
  // Small received messages share an 18 KiB arena in libzmq 4.3.4; we copy events out at once, so
  // nothing pins it.
  Context();
  [[nodiscard]] zmq::context_t& raw() { return context_; }

 private:
  zmq::context_t context_;
};

// One frame, received or to be sent. Move-only.
class Frame {
 public:
  Frame() = default;
  explicit Frame(std::span<const std::byte> bytes) : message_(bytes.data(), bytes.size()) {}
  explicit Frame(std::string_view text) : message_(text.data(), text.size()) {}
  // The frame of a batch. A large one is sent from where it lies, and holds the batch until
  // libzmq's I/O thread is done with it; below that a copy is cheaper (a content record and an
  // atomic count would be made for each).
  explicit Frame(const BatchRef& batch);

  [[nodiscard]] std::span<const std::byte> bytes() const {
    return {static_cast<const std::byte*>(message_.data()), message_.size()};
  }
  [[nodiscard]] std::string_view text() const {
    return {static_cast<const char*>(message_.data()), message_.size()};
  }
  [[nodiscard]] bool more() const { return message_.more(); }
  // Where the frame came from, for logs: an IP address, or "" over ipc.
  [[nodiscard]] std::string peer_address() const;

 private:
  friend class Socket;
  zmq::message_t message_;
};

enum class SocketKind { push, pull, sub, xpub, router, dealer };

// Set once, before bind or connect. Every option that pitfalls have taught us is set by Socket
// itself: linger, keepalive, no libzmq heartbeats, router mandatory, bounded handshake and
// reconnect.
struct SocketOptions {
  int send_hwm = 1000;     // messages per peer; 0 is no limit, for links bounded by credit
  int receive_hwm = 1000;  // likewise
  std::int64_t frame_bytes_max = -1;  // a peer that sends more is cut off; -1: no limit
  int linger_ms = 0;
  bool immediate = false;  // send only to peers that are connected
  int reconnect_ms = 100;  // after a connection was lost; doubled up to
  int reconnect_max_ms = 5'000;
};

enum class SendOutcome { sent, full, unreachable };

// One ZeroMQ socket; used, from construction to destruction, by the thread that made it (checked).
class Socket {
 public:
  Socket(Context& context, SocketKind kind, const SocketOptions& options);
  // The same, with what libzmq throws (no descriptor left) as an error: io.
  [[nodiscard]] static Result<void> open(std::optional<Socket>& place, Context& context,
                                         SocketKind kind, const SocketOptions& options);
  ~Socket();
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  // Port 0 lets the system choose. Returns the address in use. Over ipc a file that nobody listens
  // on is replaced, and ours is removed in the end. Errors: address_in_use, io.
  [[nodiscard]] Result<Address> bind(const Address& address);
  [[nodiscard]] Result<void> connect(const Address& address);
  [[nodiscard]] Result<void> subscribe(std::string_view prefix);  // sub only
  // xpub only: whether send() answers `full` instead of dropping for the subscribers that are.
  void refuse_when_full(bool refuse);

  // Neither blocks. `full` leaves the frame as it was.
  [[nodiscard]] bool receive(Frame& frame);
  [[nodiscard]] SendOutcome send(Frame& frame, bool more = false);

  // What poll(2) is to watch. Edge-triggered by libzmq's rules: after any other call, ask
  // readable() or writable() again before sleeping on it.
  [[nodiscard]] int fd();
  [[nodiscard]] bool readable();
  [[nodiscard]] bool writable();

 private:
  void check_owner() const;
  void use_ipv6_for(const Address& address);
  zmq::socket_t socket_;
  std::vector<std::string> bound_paths_;
  std::thread::id owner_ = std::this_thread::get_id();
};

}  // namespace xylem
