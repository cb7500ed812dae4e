#include "relay/transport/context.h"

#include <fmt/format.h>

#include <cerrno>

#include "relay/base/check.h"
#include "relay/transport/native_kinds.h"
#include "relay/transport/native_socket.h"

namespace xylem {
namespace {

zmq::socket_type type_of(SocketKind kind) {
  switch (kind) {
    case SocketKind::push: return zmq::socket_type::push;
    case SocketKind::pull: return zmq::socket_type::pull;
    case SocketKind::sub: return zmq::socket_type::sub;
    case SocketKind::xpub: return zmq::socket_type::xpub;
    case SocketKind::router: return zmq::socket_type::router;
    case SocketKind::dealer: return zmq::socket_type::dealer;
  }
  return zmq::socket_type::pair;
}

Error error_of(const zmq::error_t& error, const Address& address, std::string_view verb) {
  if (error.num() == EADDRINUSE) {
    return {ErrorCode::address_in_use,
            fmt::format("{} is in use by another program", address.text())};
  }
  return {ErrorCode::io, fmt::format("cannot {} {}: {}", verb, address.text(), error.what())};
}

class ZmqSocket final : public RawSocket {
 public:
  ZmqSocket(zmq::context_t& context, SocketKind kind, const SocketOptions& options,
            const IpcAccess& access)
      : socket_(context, type_of(kind)), ipc_access_(access) {
    socket_.set(zmq::sockopt::linger, options.linger_ms);
    socket_.set(zmq::sockopt::sndhwm, options.send_hwm);
    socket_.set(zmq::sockopt::rcvhwm, options.receive_hwm);
    socket_.set(zmq::sockopt::maxmsgsize, options.frame_bytes_max);
    socket_.set(zmq::sockopt::immediate, options.immediate ? 1 : 0);
    socket_.set(zmq::sockopt::backlog, kListenBacklog);
    socket_.set(zmq::sockopt::handshake_ivl, 5'000);
    socket_.set(zmq::sockopt::connect_timeout, 5'000);
    socket_.set(zmq::sockopt::reconnect_ivl, options.reconnect_ms);
    socket_.set(zmq::sockopt::reconnect_ivl_max, options.reconnect_max_ms);
    // libzmq 4.3.4 aborts on its own heartbeats under backpressure, so TCP notices dead peers.
    socket_.set(zmq::sockopt::tcp_keepalive, 1);
    socket_.set(zmq::sockopt::tcp_keepalive_idle, 30);
    socket_.set(zmq::sockopt::tcp_keepalive_intvl, 10);
    socket_.set(zmq::sockopt::tcp_keepalive_cnt, 3);
    if (kind == SocketKind::router) socket_.set(zmq::sockopt::router_mandatory, true);
    if (kind == SocketKind::xpub) join_probe(context);
  }

  Result<Address> bind(const Address& address) override {
    use_ipv6_for(address);
    int ours = -1;  // then it is libzmq's
    if (address.scheme() == Address::Scheme::ipc) {
      XYLEM_TRY(ours, listen_on(address, ipc_access_));
    }
    socket_.set(zmq::sockopt::use_fd, ours);
    try {
      socket_.bind(address.scheme() == Address::Scheme::tcp && address.port() == 0
                       ? fmt::format("tcp://{}:*", address.ip())
                       : address.endpoint());
    } catch (const zmq::error_t& error) {
      return tl::unexpected(error_of(error, address, "listen on"));
    }
    return Address::parse(socket_.get(zmq::sockopt::last_endpoint));
  }

  Result<void> connect(const Address& address) override {
    use_ipv6_for(address);
    try {
      socket_.connect(address.endpoint());
    } catch (const zmq::error_t& error) {
      return tl::unexpected(error_of(error, address, "connect to"));
    }
    return {};
  }

  void subscribe(std::string_view prefix) override { socket_.set(zmq::sockopt::subscribe, prefix); }
  void linger(int milliseconds) override { socket_.set(zmq::sockopt::linger, milliseconds); }
  void refuse_when_full(bool refuse) override { socket_.set(zmq::sockopt::xpub_nodrop, refuse); }
  // Both are taken in by the same call, so that no event ever goes to the probe.
  void ask_whether_gone(std::string_view prefix) override {
    probe_.set(zmq::sockopt::subscribe, prefix);
    probe_.set(zmq::sockopt::unsubscribe, prefix);
  }

  bool receive(Frame& frame) override {
    zmq::message_t& message = message_of(frame);
    const int received = ::zmq_msg_recv(message.handle(), socket_.handle(), ZMQ_DONTWAIT);
    XYLEM_CHECK(received >= 0 || errno == EAGAIN || errno == EINTR, "a socket that can receive");
    if (received >= 0) set_more(frame, message.more());
    return received >= 0;
  }

  SendOutcome send(Frame& frame, bool more) override {
    own(frame);
    const int flags = ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0);
    if (::zmq_msg_send(message_of(frame).handle(), socket_.handle(), flags) >= 0)
      return SendOutcome::sent;
    if (errno == EHOSTUNREACH) return SendOutcome::unreachable;
    XYLEM_CHECK(errno == EAGAIN || errno == EINTR, "a socket that can send");
    return SendOutcome::full;
  }

  int fd() override { return socket_.get(zmq::sockopt::fd); }
  bool readable() override { return (socket_.get(zmq::sockopt::events) & ZMQ_POLLIN) != 0; }
  bool writable() override { return (socket_.get(zmq::sockopt::events) & ZMQ_POLLOUT) != 0; }

 private:
  // libzmq takes an IPv6 address only where it is told to; told always, it would listen on :: for
  // *.
  void use_ipv6_for(const Address& address) {
    const bool ipv6 = address.scheme() == Address::Scheme::tcp && address.ip().starts_with('[');
    socket_.set(zmq::sockopt::ipv6, ipv6);
  }
  // A subscriber within the process: libzmq says of its cancel whether it was the last.
  void join_probe(zmq::context_t& context) {
    const std::string place = fmt::format("inproc://probe-{}", static_cast<const void*>(this));
    socket_.bind(place);
    probe_ = zmq::socket_t(context, zmq::socket_type::sub);
    probe_.set(zmq::sockopt::linger, 0);
    probe_.set(zmq::sockopt::sndhwm, 0);
    probe_.connect(place);
  }

  zmq::socket_t socket_;
  IpcAccess ipc_access_;
  zmq::socket_t probe_;  // xpub only
};

}  // namespace

Frame RawSocket::received_frame(std::span<const std::byte> bytes, const ReceivedRef& received) {
  Frame frame;
  frame.lies_at_ = bytes.data() != nullptr ? bytes : std::as_bytes(std::span("", 0));
  frame.received_ = received;
  return frame;
}

void RawSocket::own(Frame& frame) {
  if (frame.lies_at_.data() == nullptr) return;
  frame.message_.rebuild(frame.lies_at_.data(), frame.lies_at_.size());
  frame.lies_at_ = {};
  frame.received_ = {};
}

Result<Context::Engine> parse_engine(std::string_view name) {
  for (const auto engine : {Context::Engine::libzmq, Context::Engine::native}) {
    if (name == name_of(engine)) return engine;
  }
  return fail(ErrorCode::bad_configuration, fmt::format("'{}' is not one of native, libzmq", name));
}

std::string_view name_of(Context::Engine engine) {
  return engine == Context::Engine::native ? "native" : "libzmq";
}

Context::Context(Engine engine)
    : engine_(engine), context_(1), native_figures_(std::make_shared<NativeFigures>()) {
  // Closing the context then waits for no peer; what is to linger, a socket says.
  context_.set(zmq::ctxopt::blocky, false);
}

std::shared_ptr<NativeThread> Context::native_thread() {
  const std::lock_guard lock(mutex_);
  auto& place = native_threads_[std::this_thread::get_id()];
  auto thread = place.lock();
  if (!thread) place = thread = std::make_shared<NativeThread>(native_figures_);
  return thread;
}

Result<std::unique_ptr<RawSocket>> Context::open(SocketKind kind, const SocketOptions& options) {
  if (engine_ == Engine::native) {
    auto thread = native_thread();
    if (!thread->poller.is_open()) return fail(ErrorCode::io, "no descriptor is to be had");
    return open_native(kind, options, ipc_access_, std::move(thread));
  }
  try {
    return std::make_unique<ZmqSocket>(context_, kind, options, ipc_access_);
  } catch (const zmq::error_t& error) {
    return fail(ErrorCode::io, fmt::format("no ZeroMQ socket is to be had: {}", error.what()));
  }
}

}  // namespace xylem
