#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "relay/base/result.h"
#include "relay/transport/address.h"
#include "relay/transport/context.h"
#include "relay/transport/frame.h"

namespace xylem {

// One ZeroMQ socket; used, from construction to destruction, by the thread that made it (checked).
class Socket {
 public:
  // REQUIRES that one can be made; open() says why not.
  Socket(Context& context, SocketKind kind, const SocketOptions& options);
  // Errors: io, when there is none to be had (no descriptor left).
  [[nodiscard]] static Result<void> open(std::optional<Socket>& place, Context& context,
                                         SocketKind kind, const SocketOptions& options);
  explicit Socket(std::unique_ptr<RawSocket> raw) : raw_(std::move(raw)) {}
  ~Socket();
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  // Port 0 lets the system choose. Returns the address in use. Over ipc a file that nobody listens
  // on is replaced, and ours is removed in the end. Errors: address_in_use, bad_address, io.
  // A name that is not looked up yet (lookup.h) is looked up by either call, which then blocks.
  // libzmq only ever gets the IP address: it would look names up on the thread of all sockets. Who
  // wants to follow a name to another address makes a new socket.
  [[nodiscard]] Result<Address> bind(const Address& address);
  [[nodiscard]] Result<void> connect(const Address& address);
  [[nodiscard]] Result<void> subscribe(std::string_view prefix);  // sub only
  // xpub only: whether send() answers `full` instead of dropping for the subscribers that are.
  void refuse_when_full(bool refuse);
  // xpub only. libzmq passes a peer's cancel on also when that peer never had the prefix, though
  // others have it still. This asks whether anybody has: if nobody has, a cancel without a peer
  // (Frame::has_peer) is received soon; otherwise nothing is. Cancels without a peer are true.
  void ask_whether_gone(std::string_view prefix);
  // Instead of SocketOptions::linger_ms.
  void linger(int milliseconds);

  // Neither blocks. `full` leaves the frame as it was.
  [[nodiscard]] bool receive(Frame& frame);
  [[nodiscard]] SendOutcome send(Frame& frame, bool more = false);

  // Writes what send() has gathered, which else waits for the next receive(), readable() or
  // writable().
  void flush() { raw_->flush(); }

  // What poll(2) is to watch. Edge-triggered by libzmq's rules: after any other call, ask
  // readable() or writable() again before sleeping on it.
  [[nodiscard]] int fd();
  [[nodiscard]] bool readable();
  [[nodiscard]] bool writable();

 private:
  void check_owner() const;
  std::unique_ptr<RawSocket> raw_;
  std::vector<std::string> bound_paths_;
  std::thread::id owner_ = std::this_thread::get_id();
};

}  // namespace xylem
