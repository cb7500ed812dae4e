#include "relay/zmtp/message_reader.h"

#include <utility>

#include "relay/zmtp/frame_header.h"

namespace xylem::zmtp {
namespace {

// Commands inside one unfinished message take room until it is whole; a PING is 9 octets and more.
constexpr std::size_t kCommandBytesInsideMax = std::size_t{64} << 10;

}  // namespace

MessageReader::Step MessageReader::next(std::span<const std::byte> in) {
  for (;;) {
    const auto read = read_frame_header(in.subspan(looked_at_));
    if (!read) return {read.error()};
    if (!*read) return {NeedsMore{in.size() + 1}};
    const FrameHeader& header = **read;
    if (header.command) {
      if (header.body_bytes > limits_.command_bytes_max) return {Violation::frame_too_large};
    } else {
      if (header.body_bytes > limits_.message_bytes_max) return {Violation::frame_too_large};
      if (message_bytes_ + header.body_bytes > limits_.message_bytes_max) {
        return {Violation::message_too_large};
      }
      if (places_.size() >= limits_.frames_max) return {Violation::too_many_frames};
    }
    const std::size_t body_at = looked_at_ + header.header_bytes;
    const auto body_bytes = static_cast<std::size_t>(header.body_bytes);
    if (in.size() - body_at < body_bytes) return {NeedsMore{body_at + body_bytes}};
    looked_at_ = body_at + body_bytes;
    if (header.command) {
      const auto command = read_command(in.subspan(body_at, body_bytes));
      if (!command) return {command.error()};
      if (is_inside_message()) {
        const std::size_t most = static_cast<std::size_t>(message_bytes_) +
                                 places_.size() * kFrameHeaderBytesMax + kCommandBytesInsideMax;
        if (looked_at_ > most) return {Violation::message_too_large};
        return {*command, 0};
      }
      return {*command, std::exchange(looked_at_, 0)};
    }
    places_.push_back({body_at, body_bytes});
    message_bytes_ += body_bytes;
    if (!header.more) return whole_message(in);
  }
}

MessageReader::Step MessageReader::whole_message(std::span<const std::byte> in) {
  frames_.clear();
  for (const Place& place : places_) frames_.push_back(in.subspan(place.offset, place.bytes));
  places_.clear();
  message_bytes_ = 0;
  return {Message{frames_}, std::exchange(looked_at_, 0)};
}

}  // namespace xylem::zmtp
