#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <thread>
#include <zmq.hpp>

#include "relay/base/result.h"
#include "relay/transport/address.h"
#include "relay/transport/frame.h"
#include "relay/transport/listening.h"

namespace xylem {

struct NativeFigures;
struct NativeThread;

enum class SocketKind { push, pull, sub, xpub, router, dealer };

// Set once, before bind or connect. Every option that pitfalls have taught us is set by the context
// itself: linger, keepalive, no libzmq heartbeats, router mandatory, bounded handshake and
// reconnect.
struct SocketOptions {
  int send_hwm = 1000;     // messages per peer; 0 is no limit, for links bounded by credit
  int receive_hwm = 1000;  // likewise
  // The native engine's bound of what waits for a peer; one message above it always fits.
  std::size_t send_bytes_max = std::size_t{4} << 20;
  std::int64_t frame_bytes_max = -1;  // a peer that sends more is cut off; -1: no limit
  int linger_ms = 0;
  bool immediate = false;  // send only to peers that are connected
  int reconnect_ms = 100;  // after a connection was lost; doubled up to
  int reconnect_max_ms = 5'000;
};

enum class SendOutcome { sent, full, unreachable };

// What a Socket (socket.h) stands on: libzmq, or in a simulation a network of the test's own. The
// calls mean what Socket's do.
class RawSocket {
 public:
  virtual ~RawSocket() = default;
  [[nodiscard]] virtual Result<Address> bind(const Address& address) = 0;
  [[nodiscard]] virtual Result<void> connect(const Address& address) = 0;
  virtual void subscribe(std::string_view prefix) = 0;
  virtual void refuse_when_full(bool refuse) = 0;
  virtual void ask_whether_gone(std::string_view prefix) = 0;
  virtual void linger(int milliseconds) = 0;
  [[nodiscard]] virtual bool receive(Frame& frame) = 0;
  [[nodiscard]] virtual SendOutcome send(Frame& frame, bool more) = 0;
  [[nodiscard]] virtual int fd() = 0;
  [[nodiscard]] virtual bool readable() = 0;
  [[nodiscard]] virtual bool writable() = 0;
  virtual void flush() {}

 protected:
  [[nodiscard]] static zmq::message_t& message_of(Frame& frame) { return frame.message_; }
  static void set_more(Frame& frame, bool more) { frame.more_ = more; }
  [[nodiscard]] static Frame received_frame(std::span<const std::byte> bytes,
                                            const ReceivedRef& received);
  static void set_received(Frame& frame, const ReceivedRef& received) {
    frame.received_ = received;
  }
  // Copies what lies elsewhere into the frame itself.
  static void own(Frame& frame);
  // It is to be kept, not copied: its size pays for that, or what it counts until it goes.
  [[nodiscard]] static bool is_kept(const Frame& frame) {
    const bool is_lent = frame.lies_at_.data() != nullptr && !frame.received_;
    return frame.is_counted_ || (!is_lent && frame.bytes().size() >= kSendInPlaceBytesMin);
  }
  static constexpr std::size_t kSendInPlaceBytesMin = std::size_t{32} << 10;
};

// ZeroMQ, and nothing else in the tree knows it. One Context per process; it outlives every Socket.
class Context {
 public:
  // Whose sockets: libzmq's, or our own (native_socket.h).
  enum class Engine : std::uint8_t { libzmq, native };
  static constexpr Engine kDefaultEngine = Engine::native;
  explicit Context(Engine engine = kDefaultEngine);
  virtual ~Context() = default;
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  // For the sockets opened from now on.
  void give_ipc(const IpcAccess& access) { ipc_access_ = access; }

  // Errors: io, when libzmq has none (no descriptor left).
  [[nodiscard]] virtual Result<std::unique_ptr<RawSocket>> open(SocketKind kind,
                                                                const SocketOptions& options);
  [[nodiscard]] const NativeFigures& native_figures() const { return *native_figures_; }

 private:
  [[nodiscard]] std::shared_ptr<NativeThread> native_thread();

  Engine engine_;
  zmq::context_t context_;
  IpcAccess ipc_access_;
  std::shared_ptr<NativeFigures> native_figures_;
  std::mutex mutex_;  // of the list; sockets are opened seldom
  std::map<std::thread::id, std::weak_ptr<NativeThread>> native_threads_;
};

// As the option transport.engine has them. Errors: bad_configuration.
[[nodiscard]] Result<Context::Engine> parse_engine(std::string_view name);
[[nodiscard]] std::string_view name_of(Context::Engine engine);

}  // namespace xylem
