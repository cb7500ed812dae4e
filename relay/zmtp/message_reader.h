#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <variant>
#include <vector>

#include "relay/zmtp/command.h"
#include "relay/zmtp/violation.h"

namespace xylem::zmtp {

// Finds whole messages, and the commands between them, where they lie in what one connection has
// read. Holds no octets itself: its user keeps all that is not taken yet, in one piece. No socket.
// One owner thread.
//
//   for (auto step = reader.next(in); ...; in = in.subspan(step.taken)) ...
class MessageReader {
 public:
  struct Limits {
    std::uint64_t message_bytes_max = std::uint64_t{1} << 20;  // of all bodies of a message
    std::size_t frames_max = 64;                               // of a message
    std::size_t command_bytes_max = 1024;
  };
  explicit MessageReader(const Limits& limits) : limits_(limits) {}

  struct NeedsMore {
    std::size_t bytes = 0;  // `in` is to have so many, at least, before a call finds more
  };
  // A whole one. Valid as long as `in` is, and until the next call.
  struct Message {
    std::span<const std::span<const std::byte>> frames;
  };
  struct Step {
    std::variant<NeedsMore, Message, Command, Violation> what;
    // So many octets at the front are done with, once the step was dealt with. None for a command
    // inside a message, which stays until the message is whole: libzmq sends these.
    std::size_t taken = 0;
  };
  // `in` begins behind what was taken so far. After a Violation there is no next.
  [[nodiscard]] Step next(std::span<const std::byte> in);

  // Some of a message has come, and not all of it.
  [[nodiscard]] bool is_inside_message() const { return !places_.empty(); }

 private:
  struct Place {
    std::size_t offset;
    std::size_t bytes;
  };
  [[nodiscard]] Step whole_message(std::span<const std::byte> in);

  Limits limits_;
  std::size_t looked_at_ = 0;  // of `in`, when the frames so far are no message yet
  std::uint64_t message_bytes_ = 0;
  std::vector<Place> places_;
  std::vector<std::span<const std::byte>> frames_;
};

}  // namespace xylem::zmtp
