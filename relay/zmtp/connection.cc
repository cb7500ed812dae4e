#include "relay/zmtp/connection.h"

#include <utility>

namespace xylem::zmtp {
namespace {

bool publishes(SocketType type) { return type == SocketType::pub || type == SocketType::xpub; }
bool receives(SocketType type) { return type != SocketType::push && !publishes(type); }

}  // namespace

Connection::Step Connection::next(std::span<const std::byte> in) {
  if (!is_connected()) return shake_hands(in);
  auto [what, taken] = reader_.next(in);
  if (const auto* command = std::get_if<Command>(&what)) return on_command(*command, taken);
  if (const auto* message = std::get_if<Message>(&what)) return on_message(*message, taken);
  if (const auto* violation = std::get_if<Violation>(&what)) return {*violation};
  return {std::get<NeedsMore>(what)};
}

Connection::Step Connection::shake_hands(std::span<const std::byte> in) {
  const std::size_t taken = handshake_.take(in);
  switch (handshake_.state()) {
    case Handshake::State::unfinished: return {NeedsMore{1}, taken};
    case Handshake::State::connected: return {Connected{}, taken};
    case Handshake::State::refused: break;
  }
  return {handshake_.violation(), taken};
}

Connection::Step Connection::on_command(const Command& command, std::size_t taken) {
  if (const auto* ping = std::get_if<Ping>(&command)) {
    ping_context_ = std::string(ping->context);
    ttl_tenths_ = ping->ttl_tenths;
    is_pinged_ = true;
  }
  if (publishes(ours_)) {
    if (const auto* subscribe = std::get_if<Subscribe>(&command)) {
      return {Subscription{true, subscribe->prefix}, taken};
    }
    if (const auto* cancel = std::get_if<Cancel>(&command)) {
      return {Subscription{false, cancel->prefix}, taken};
    }
  }
  return {Ignored{}, taken};
}

// A publisher receives subscriptions in the form that libzmq up to 4.3.2 has for them, and no other
// message.
Connection::Step Connection::on_message(const Message& message, std::size_t taken) const {
  if (receives(ours_)) return {message, taken};
  const std::span<const std::byte> frame = message.frames.front();
  const bool is_subscription = publishes(ours_) && message.frames.size() == 1 && !frame.empty() &&
                               std::to_integer<int>(frame[0]) <= 1;
  if (!is_subscription) return {Ignored{}, taken};
  const std::string_view text(reinterpret_cast<const char*>(frame.data()), frame.size());
  return {Subscription{text[0] == '\1', text.substr(1)}, taken};
}

std::string Connection::take_answer() {
  std::string answer;
  if (ping_context_) write_pong(answer, *ping_context_);
  ping_context_.reset();
  return answer;
}

}  // namespace xylem::zmtp
