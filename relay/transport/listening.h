#pragma once

#include <optional>

#include "relay/base/result.h"
#include "relay/transport/address.h"

namespace xylem {

// Who may connect to the ipc sockets that are listened on. Set before anybody can.
struct IpcAccess {
  std::optional<unsigned> mode;   // none: what the umask leaves
  std::optional<unsigned> group;  // its id; none: the process's
};

// Connections that wait to be accepted.
inline constexpr int kListenBacklog = 1024;

// A listening descriptor at an address that is looked up: of tcp, where port 0 lets the system
// choose, or of ipc, where whatever was at the path is gone, and mode and group are set before the
// first can connect. Closed on exec. Errors: address_in_use, io.
[[nodiscard]] Result<int> listen_on(const Address& address, const IpcAccess& access);

// Where a descriptor of tcp listens, with the port that the system chose.
[[nodiscard]] Result<Address> address_of(int fd, const Address& asked);

// A connection to an address that is looked up, which may not be made yet: without waiting,
// EINPROGRESS is no error. Errors: io, with what the system says.
[[nodiscard]] Result<int> begin_to_connect(const Address& address);

}  // namespace xylem
