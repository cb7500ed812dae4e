#include "relay/amqp/frame_reader.h"

#include <fmt/format.h>

#include <utility>

#include "relay/base/log.h"

namespace xylem {
namespace {

template <class Method>
const Method& as(const amqp_method_t& method) {
  return *static_cast<const Method*>(method.decoded);
}

constexpr std::uint16_t kPreconditionFailed = 406;
constexpr std::size_t kCompressionBytesMax = 64;  // of its name; only whether it has one matters

Error closed(std::string_view what, std::uint16_t code, amqp_bytes_t text) {
  return {
      code == kPreconditionFailed ? ErrorCode::malformed : ErrorCode::refused,
      fmt::format("the broker closed the {}: {} {}", what, code, printable(text_of(text), 300))};
}

void note_properties(Delivery& delivery, const amqp_basic_properties_t& properties) {
  const auto note = [&](amqp_flags_t flag, amqp_bytes_t value, std::string& place) {
    if ((properties._flags & flag) != 0) place = text_of(value);
  };
  note(AMQP_BASIC_CONTENT_TYPE_FLAG, properties.content_type, delivery.content_type);
  note(AMQP_BASIC_CONTENT_ENCODING_FLAG, properties.content_encoding, delivery.content_encoding);
  note(AMQP_BASIC_APP_ID_FLAG, properties.app_id, delivery.app_id);
  if ((properties._flags & AMQP_BASIC_HEADERS_FLAG) == 0) return;
  for (int i = 0; i < properties.headers.num_entries; ++i) {
    const amqp_table_entry_t& header = properties.headers.entries[i];
    const auto kind = header.value.kind;
    if (text_of(header.key) == "compression" &&
        (kind == AMQP_FIELD_KIND_UTF8 || kind == AMQP_FIELD_KIND_BYTES)) {
      delivery.compression = text_of(header.value.value.bytes).substr(0, kCompressionBytesMax);
    }
  }
}

}  // namespace

Result<std::optional<BrokerFrame>> FrameReader::take(const amqp_frame_t& frame) {
  switch (frame.frame_type) {
    case AMQP_FRAME_METHOD: return take_method(frame.payload.method);
    case AMQP_FRAME_HEADER:
      if (begun_) return take_header(frame);
      break;
    case AMQP_FRAME_BODY:
      if (begun_ && frame.payload.body_fragment.len <= left_) {
        return take_body(frame.payload.body_fragment);
      }
      break;
    default: return std::nullopt;  // a heartbeat
  }
  return fail(ErrorCode::io, "the broker sent a piece of no message");
}

Result<std::optional<BrokerFrame>> FrameReader::take_method(const amqp_method_t& method) {
  switch (method.id) {
    case AMQP_BASIC_DELIVER_METHOD: {
      const auto& deliver = as<amqp_basic_deliver_t>(method);
      Delivery delivery;
      delivery.tag = deliver.delivery_tag;
      delivery.redelivered = deliver.redelivered != 0;
      delivery.routing_key = text_of(deliver.routing_key);
      begun_ = std::move(delivery);
      return std::nullopt;
    }
    case AMQP_BASIC_RETURN_METHOD: {
      const auto& returned = as<amqp_basic_return_t>(method);
      begun_ = Returned{
          fmt::format("{} {}", returned.reply_code, printable(text_of(returned.reply_text))),
          std::string(text_of(returned.routing_key)),
          {}};
      return std::nullopt;
    }
    case AMQP_BASIC_ACK_METHOD: {
      const auto& ack = as<amqp_basic_ack_t>(method);
      return Confirm{ack.delivery_tag, ack.multiple != 0, true};
    }
    case AMQP_BASIC_NACK_METHOD: {
      const auto& nack = as<amqp_basic_nack_t>(method);
      return Confirm{nack.delivery_tag, nack.multiple != 0, false};
    }
    case AMQP_BASIC_CANCEL_METHOD: return Cancelled{};
    case AMQP_CONNECTION_BLOCKED_METHOD:
      return Blocked{printable(text_of(as<amqp_connection_blocked_t>(method).reason))};
    case AMQP_CONNECTION_UNBLOCKED_METHOD: return Unblocked{};
    case AMQP_CHANNEL_CLOSE_METHOD: {
      const auto& close = as<amqp_channel_close_t>(method);
      return tl::unexpected(closed("channel", close.reply_code, close.reply_text));
    }
    case AMQP_CONNECTION_CLOSE_METHOD: {
      const auto& close = as<amqp_connection_close_t>(method);
      return tl::unexpected(closed("connection", close.reply_code, close.reply_text));
    }
    default: return std::nullopt;
  }
}

std::optional<BrokerFrame> FrameReader::take_header(const amqp_frame_t& frame) {
  left_ = frame.payload.properties.body_size;
  const auto* properties =
      static_cast<const amqp_basic_properties_t*>(frame.payload.properties.decoded);
  if (auto* delivery = std::get_if<Delivery>(&*begun_)) {
    note_properties(*delivery, *properties);
    delivery->too_large = left_ > bytes_max_;
    if (!delivery->too_large) delivery->body.reserve(left_);
  } else if ((properties->_flags & AMQP_BASIC_MESSAGE_ID_FLAG) != 0) {
    std::get<Returned>(*begun_).message_id = text_of(properties->message_id);
  }
  return left_ == 0 ? finish() : std::nullopt;
}

std::optional<BrokerFrame> FrameReader::take_body(amqp_bytes_t piece) {
  left_ -= piece.len;
  auto* delivery = std::get_if<Delivery>(&*begun_);
  if (delivery != nullptr && !delivery->too_large) delivery->body += text_of(piece);
  return left_ == 0 ? finish() : std::nullopt;
}

std::optional<BrokerFrame> FrameReader::finish() {
  auto whole = std::exchange(begun_, std::nullopt);
  return std::visit([](auto&& message) -> BrokerFrame { return std::move(message); },
                    std::move(*whole));
}

}  // namespace xylem
