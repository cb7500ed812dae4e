#pragma once

#include <string>

#include "relay/amqp/broker_frame.h"

namespace xylem {

// How a message's body is to be read, or why it is not.
struct Content {
  bool is_msgpack = false;  // else JSON
  std::string why_not;      // for the log; "" if it is read
};

// By its properties, as Kombu's serializers say them (kombu/serialization.py): JSON in UTF-8, or
// MessagePack if that is wanted. Media types and character sets are the same in any case, and
// parameters but `charset` mean nothing (RFC 2045 §5.1). Pure; any thread.
[[nodiscard]] Content content_of(const Delivery& delivery, bool msgpack_wanted);

}  // namespace xylem
