#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "relay/zmtp/handshake.h"
#include "relay/zmtp/message_reader.h"
#include "relay/zmtp/violation.h"

namespace xylem::zmtp {

// One end of one connection: what the octets that it reads mean, and what it owes the other side
// without its application's help. Listening and connecting ends are the same. No socket, no clock.
// One owner thread.
//
//   write opening()
//   for (;;) read more behind `in`, and then
//     for (auto step = connection.next(in); ...; in = in.subspan(step.taken)) ...
//     write take_answer(), if there is one
class Connection {
 public:
  Connection(SocketType ours, const MessageReader::Limits& limits)
      : ours_(ours), handshake_(ours), reader_(limits) {}

  // What is written first, and nothing else before Connected.
  [[nodiscard]] static std::string opening(SocketType ours, std::string_view identity) {
    return Handshake::opening(ours, identity);
  }

  using NeedsMore = MessageReader::NeedsMore;
  using Message = MessageReader::Message;
  struct Connected {};
  // To PUB and XPUB, by command or by message.
  struct Subscription {
    bool wanted = false;
    std::string_view prefix;
  };
  // Legal, and nothing for us to do: PONG, commands that are unknown, messages to a socket that
  // receives none.
  struct Ignored {};
  struct Step {
    std::variant<NeedsMore, Connected, Message, Subscription, Ignored, Violation> what;
    std::size_t taken = 0;  // so many octets at the front of `in` are done with
  };
  // `in` begins behind what was taken so far, in one piece. After a Violation there is no next.
  [[nodiscard]] Step next(std::span<const std::byte> in);

  // A PONG that is owed: a PING is answered once and by the last, so that a flood of them costs no
  // memory. Its octets, or "".
  [[nodiscard]] std::string take_answer();

  [[nodiscard]] bool is_connected() const {
    return handshake_.state() == Handshake::State::connected;
  }
  // REQUIRES is_connected().
  [[nodiscard]] const Peer& peer() const { return handshake_.peer(); }
  // After so many tenths of a second without an octet the peer wants to be taken for gone; 0:
  // never.
  [[nodiscard]] std::uint16_t ttl_tenths() const { return ttl_tenths_; }
  // It has sent a PING, and so will miss our answers.
  [[nodiscard]] bool is_pinged() const { return is_pinged_; }

 private:
  [[nodiscard]] Step shake_hands(std::span<const std::byte> in);
  [[nodiscard]] Step on_command(const Command& command, std::size_t taken);
  [[nodiscard]] Step on_message(const Message& message, std::size_t taken) const;

  SocketType ours_;
  Handshake handshake_;
  MessageReader reader_;
  std::optional<std::string> ping_context_;
  std::uint16_t ttl_tenths_ = 0;
  bool is_pinged_ = false;
};

}  // namespace xylem::zmtp
