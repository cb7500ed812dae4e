#include "relay/amqp/control_broadcast.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace xylem {

std::string_view name_of(ControlCommand command) {
  return command == ControlCommand::heartbeat ? "heartbeat" : "enable_events";
}

Result<ControlCommand> parse_control_command(std::string_view name) {
  for (const ControlCommand known : {ControlCommand::heartbeat, ControlCommand::enable_events}) {
    if (name == name_of(known)) return known;
  }
  return fail(ErrorCode::bad_configuration,
              fmt::format("'{}' is not one of heartbeat, enable_events", name));
}

std::string control_body(ControlCommand command, const std::vector<std::string>& destination) {
  nlohmann::ordered_json body{{"method", name_of(command)},
                              {"arguments", nlohmann::ordered_json::object()},
                              {"destination", nullptr},
                              {"pattern", nullptr},
                              {"matcher", nullptr}};
  if (!destination.empty()) body["destination"] = destination;
  return body.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

Result<void> broadcast(BrokerConnection& connection, ControlCommand command,
                       const std::vector<std::string>& destination,
                       const std::string& control_exchange) {
  const std::string exchange = control_exchange + ".pidbox";
  XYLEM_TRY(const bool there, connection.exchange_exists(exchange));
  if (!there) {
    auto made =
        connection.declare_exchange(exchange, BrokerConnection::ExchangeKind::fanout, false);
    if (!made) return made;
  }
  const std::string body = control_body(command, destination);
  OutgoingMessage message;
  message.exchange = exchange;
  message.body = body;
  message.control = message.mandatory = true;
  return connection.publish(message);
}

}  // namespace xylem
