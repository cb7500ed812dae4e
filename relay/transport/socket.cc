#include "relay/transport/socket.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <utility>

#include "relay/base/check.h"
#include "relay/transport/lookup.h"

namespace xylem {
namespace {

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

std::unique_ptr<RawSocket> opened(Context& context, SocketKind kind, const SocketOptions& options) {
  auto raw = context.open(kind, options);
  XYLEM_CHECK(raw.has_value(), "a socket can be made");
  return std::move(*raw);
}

}  // namespace

Socket::Socket(Context& context, SocketKind kind, const SocketOptions& options)
    : Socket(opened(context, kind, options)) {}

Result<void> Socket::open(std::optional<Socket>& place, Context& context, SocketKind kind,
                          const SocketOptions& options) {
  XYLEM_TRY(std::unique_ptr<RawSocket> raw, context.open(kind, options));
  place.emplace(std::move(raw));
  return {};
}

Socket::~Socket() {
  for (const std::string& path : bound_paths_) ::unlink(path.c_str());
}

Result<Address> Socket::bind(const Address& address) {
  check_owner();
  const bool ipc = address.scheme() == Address::Scheme::ipc;
  if (ipc && somebody_listens(address.host())) {
    return fail(ErrorCode::address_in_use,
                fmt::format("{} is in use by another program", address.text()));
  }
  if (ipc && is_no_socket(address.host())) {
    return fail(ErrorCode::io,
                fmt::format("{} is a file that is not a socket; it is left alone", address.host()));
  }
  Address place = address;
  if (address.is_name() && !address.is_looked_up()) {
    XYLEM_TRY(place, look_up_to_listen(address));
  }
  auto bound = raw_->bind(place);
  if (bound && ipc) bound_paths_.push_back(address.host());
  return bound;
}

Result<void> Socket::connect(const Address& address) {
  check_owner();
  if (auto fine = address.can_be_connected_to(); !fine) return fine;
  if (auto allowed = may_write(address); !allowed) return allowed;
  Address place = address;
  if (address.is_name() && !address.is_looked_up()) {
    XYLEM_TRY(place, look_up_to_connect(address));
  }
  return raw_->connect(place);
}

Result<void> Socket::subscribe(std::string_view prefix) {
  check_owner();
  raw_->subscribe(prefix);
  return {};
}

void Socket::linger(int milliseconds) { raw_->linger(milliseconds); }
void Socket::refuse_when_full(bool refuse) { raw_->refuse_when_full(refuse); }

bool Socket::receive(Frame& frame) {
  check_owner();
  return raw_->receive(frame);
}

SendOutcome Socket::send(Frame& frame, bool more) {
  check_owner();
  return raw_->send(frame, more);
}

int Socket::fd() { return raw_->fd(); }
bool Socket::readable() { return raw_->readable(); }
bool Socket::writable() { return raw_->writable(); }

void Socket::check_owner() const {
  XYLEM_CHECK(owner_ == std::this_thread::get_id(), "a socket stays on the thread that made it");
}

}  // namespace xylem
