#include "relay/amqp/control_broadcast.h"

#include <array>
#include <nlohmann/json.hpp>

#include "relay/base/parse_word.h"

namespace xylem {

std::string_view name_of(ControlCommand command) {
  return command == ControlCommand::heartbeat ? "heartbeat" : "enable_events";
}

Result<ControlCommand> parse_control_command(std::string_view name) {
  return parse_word(name, std::array{ControlCommand::heartbeat, ControlCommand::enable_events});
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
  auto there = connection.ensure_exchange(exchange, BrokerConnection::Exchange::transient_fanout);
  if (!there) return there;
  const std::string body = control_body(command, destination);
  OutgoingMessage message;
  message.exchange = exchange;
  message.body = body;
  message.control = message.mandatory = true;
  return connection.publish(message);
}

}  // namespace xylem
