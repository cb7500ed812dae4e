#pragma once

#include <amqp.h>

#include <optional>
#include <variant>

#include "relay/amqp/broker_frame.h"
#include "relay/base/result.h"

namespace xylem {

// Makes what a broker says of librabbitmq's frames: a message is a method, a header and any number
// of pieces, and comes whole or, if it is larger than allowed, without its body, of which nothing
// is then kept. Pure; one owner thread.
class FrameReader {
 public:
  explicit FrameReader(std::size_t message_bytes_max) : bytes_max_(message_bytes_max) {}

  // What this frame completes, if anything. Copies all it keeps. Errors: refused, if it says that
  // the channel or the connection is closed; malformed, if that was for what we had sent (406); io,
  // if it is no frame that may come here.
  [[nodiscard]] Result<std::optional<BrokerFrame>> take(const amqp_frame_t& frame);

 private:
  [[nodiscard]] Result<std::optional<BrokerFrame>> take_method(const amqp_method_t& method);
  [[nodiscard]] std::optional<BrokerFrame> take_header(const amqp_frame_t& frame);
  [[nodiscard]] std::optional<BrokerFrame> take_body(amqp_bytes_t piece);
  [[nodiscard]] std::optional<BrokerFrame> finish();

  std::size_t bytes_max_;
  // The message that is coming in.
  std::optional<std::variant<Delivery, Returned>> begun_;
  std::uint64_t left_ = 0;  // bytes of its body
};

// librabbitmq's bytes as a text, and the other way round.
[[nodiscard]] inline std::string_view text_of(amqp_bytes_t bytes) {
  return {static_cast<const char*>(bytes.bytes), bytes.len};
}
[[nodiscard]] inline amqp_bytes_t bytes_of(std::string_view text) {
  return {text.size(), const_cast<char*>(text.data())};  // it does not write to it
}

}  // namespace xylem
