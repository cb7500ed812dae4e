#include "relay/transport/socket.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "relay/base/check.h"

namespace xylem {
namespace {

// libzmq copies frames below 16 KiB on their way whatever we do, and its first 8 KiB always.
constexpr std::size_t kSendInPlaceBytesMin = 32 << 10;

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

void release_batch(void*, void* hint) {
  const BatchRef last = BatchRef::adopt(static_cast<const Batch*>(hint));
}

// libzmq takes over whatever is at an ipc path, also another relay's socket.
bool somebody_listens(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return false;
  std::memcpy(address.sun_path, path.c_str(), path.size());
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool answered =
      ::connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  ::close(probe);
  return answered;
}

bool is_no_socket(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0 && !S_ISSOCK(status.st_mode);
}

Error in_use(const Address& address) {
  return {ErrorCode::address_in_use,
          fmt::format("{} is in use by another program", address.text())};
}

Error error_of(const zmq::error_t& error, const Address& address, std::string_view verb) {
  if (error.num() == EADDRINUSE) return in_use(address);
  return {ErrorCode::io, fmt::format("cannot {} {}: {}", verb, address.text(), error.what())};
}

}  // namespace

Context::Context() : context_(1) {
  // 10).
  context_.set(zmq::ctxopt::blocky, false);
}

Frame::Frame(const BatchRef& batch) {
  const std::span<const std::byte> frame = batch->frame();
  if (frame.size() < kSendInPlaceBytesMin) {
    message_.rebuild(frame.data(), frame.size());
    return;
  }
  const Batch* held = BatchRef(batch).release();
  // libzmq wants void*; nobody writes through it.
  message_.rebuild(const_cast<std::byte*>(frame.data()), frame.size(), release_batch,
                   const_cast<Batch*>(held));
}

std::string Frame::peer_address() const {
  const char* address =
      ::zmq_msg_gets(const_cast<zmq::message_t&>(message_).handle(), "Peer-Address");
  // Over ipc libzmq answers "localhost:UID:GID:PID".
  return address != nullptr && !std::string_view(address).starts_with("localhost:") ? address : "";
}

Socket::Socket(Context& context, SocketKind kind, const SocketOptions& options)
    : socket_(context.raw(), type_of(kind)) {
  socket_.set(zmq::sockopt::linger, options.linger_ms);
  socket_.set(zmq::sockopt::sndhwm, options.send_hwm);
  socket_.set(zmq::sockopt::rcvhwm, options.receive_hwm);
  socket_.set(zmq::sockopt::maxmsgsize, options.frame_bytes_max);
  socket_.set(zmq::sockopt::immediate, options.immediate ? 1 : 0);
  socket_.set(zmq::sockopt::backlog, 1024);
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
}

Result<void> Socket::open(std::optional<Socket>& place, Context& context, SocketKind kind,
                          const SocketOptions& options) {
  try {
    place.emplace(context, kind, options);
  } catch (const zmq::error_t& error) {
    return fail(ErrorCode::io, fmt::format("no ZeroMQ socket is to be had: {}", error.what()));
  }
  return {};
}

Socket::~Socket() {
  for (const std::string& path : bound_paths_) ::unlink(path.c_str());
}

Result<Address> Socket::bind(const Address& address) {
  check_owner();
  const bool ipc = address.scheme() == Address::Scheme::ipc;
  if (ipc && somebody_listens(address.host())) return tl::unexpected(in_use(address));
  if (ipc && is_no_socket(address.host())) {
    return fail(ErrorCode::io,
                fmt::format("{} is a file that is not a socket; it is left alone", address.host()));
  }
  use_ipv6_for(address);
  try {
    socket_.bind(address.scheme() == Address::Scheme::tcp && address.port() == 0
                     ? fmt::format("tcp://{}:*", address.host())
                     : address.text());
  } catch (const zmq::error_t& error) {
    return tl::unexpected(error_of(error, address, "listen on"));
  }
  if (ipc) bound_paths_.push_back(address.host());
  return Address::parse(socket_.get(zmq::sockopt::last_endpoint));
}

// libzmq takes an IPv6 address only where it is told to; told always, it would listen on :: for *.
void Socket::use_ipv6_for(const Address& address) {
  const bool ipv6 = address.scheme() == Address::Scheme::tcp && address.host().starts_with('[');
  socket_.set(zmq::sockopt::ipv6, ipv6);
}

Result<void> Socket::connect(const Address& address) {
  check_owner();
  use_ipv6_for(address);
  try {
    socket_.connect(address.text());
  } catch (const zmq::error_t& error) {
    return tl::unexpected(error_of(error, address, "connect to"));
  }
  return {};
}

Result<void> Socket::subscribe(std::string_view prefix) {
  check_owner();
  socket_.set(zmq::sockopt::subscribe, prefix);
  return {};
}

void Socket::refuse_when_full(bool refuse) { socket_.set(zmq::sockopt::xpub_nodrop, refuse); }

bool Socket::receive(Frame& frame) {
  check_owner();
  const int received = ::zmq_msg_recv(frame.message_.handle(), socket_.handle(), ZMQ_DONTWAIT);
  XYLEM_CHECK(received >= 0 || errno == EAGAIN || errno == EINTR, "a socket that can receive");
  return received >= 0;
}

SendOutcome Socket::send(Frame& frame, bool more) {
  check_owner();
  const int flags = ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0);
  if (::zmq_msg_send(frame.message_.handle(), socket_.handle(), flags) >= 0)
    return SendOutcome::sent;
  if (errno == EHOSTUNREACH) return SendOutcome::unreachable;
  XYLEM_CHECK(errno == EAGAIN || errno == EINTR, "a socket that can send");
  return SendOutcome::full;
}

int Socket::fd() { return socket_.get(zmq::sockopt::fd); }
bool Socket::readable() { return (socket_.get(zmq::sockopt::events) & ZMQ_POLLIN) != 0; }
bool Socket::writable() { return (socket_.get(zmq::sockopt::events) & ZMQ_POLLOUT) != 0; }

void Socket::check_owner() const {
  XYLEM_CHECK(owner_ == std::this_thread::get_id(), "a socket stays on the thread that made it");
}

}  // namespace xylem
