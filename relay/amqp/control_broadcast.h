#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "relay/amqp/broker_connection.h"

namespace xylem {

// What Celery's workers can be told by everybody (kombu/pidbox.py): `heartbeat` makes
// each say at once that it is there, `enable_events` makes those started without -E send their
// task events.
enum class ControlCommand : std::uint8_t { heartbeat, enable_events };
[[nodiscard]] std::string_view name_of(ControlCommand command);
// Errors: bad_configuration, listing the words.
[[nodiscard]] Result<ControlCommand> parse_control_command(std::string_view name);

// The message's body; no destination means all workers. Pure.
[[nodiscard]] std::string control_body(ControlCommand command,
                                       const std::vector<std::string>& destination);

// Publishes it on `<control_exchange>.pidbox`, which is made as Kombu makes it if nobody has. Comes
// back (Returned) if no worker listens.
[[nodiscard]] Result<void> broadcast(BrokerConnection& connection, ControlCommand command,
                                     const std::vector<std::string>& destination = {},
                                     const std::string& control_exchange = "celery");

}  // namespace xylem
