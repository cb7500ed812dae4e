#pragma once

#include <string>
#include <vector>

#include "relay/base/result.h"
#include "relay/transport/address.h"

namespace xylem {

// What the names in addresses mean, and who is there. Everything here blocks for as long as the
// system's resolver takes, half a minute when its servers are dead, so no thread that carries
// events calls it.

// The IP addresses of a name, IPv4 before IPv6, those in brackets. Errors: io, with the
// resolver's reason.
using Resolver = Result<std::vector<std::string>> (*)(const std::string& name);
[[nodiscard]] Result<std::vector<std::string>> system_resolver(const std::string& name);

// Where to listen: a name becomes the first of its addresses that this machine has. The name of a
// network interface stays one. Errors: io, when this machine has none of them.
[[nodiscard]] Result<Address> look_up_to_listen(const Address& address,
                                                Resolver resolver = system_resolver);
// Where to connect: of several addresses the first where somebody answers within a second, or the
// first if nobody does. Errors: io.
[[nodiscard]] Result<Address> look_up_to_connect(const Address& address,
                                                 Resolver resolver = system_resolver);

// Only one of the two can be listened on: the same port of the same address, or of all of them; or
// the same file, whichever way there. Both looked up.
[[nodiscard]] bool same_place(const Address& a, const Address& b);
// Who connects to `to` comes to who listens at `listen`, which is looked up. Of a name that has
// several addresses: by one of them.
[[nodiscard]] bool leads_to(const Address& to, const Address& listen,
                            Resolver resolver = system_resolver);

// Somebody takes connections there, whoever that is. Waits a second for an answer. Errors: io, with
// the reason why not, for people.
[[nodiscard]] Result<void> knock(const Address& address);
// This process may write to the ipc socket, or there is none yet. Errors: io, naming owner and
// mode.
[[nodiscard]] Result<void> may_write(const Address& address);

}  // namespace xylem
