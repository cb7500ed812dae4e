#pragma once

#include <cstdint>
#include <string>
#include <variant>

namespace xylem {

// What a broker says, one at a time. Texts are copies.
struct Delivery {
  std::uint64_t tag = 0;
  bool redelivered = false;
  bool too_large = false;  // then without its body
  std::string routing_key;
  std::string content_type;
  std::string content_encoding;
  std::string compression;  // kombu's header
  std::string app_id;
  std::string body;
};
struct Confirm {
  std::uint64_t tag = 0;
  bool multiple = false;
  bool acked = true;
};
struct Returned {
  std::string why;
  std::string routing_key;
  std::string message_id;
};
struct Cancelled {};  // the queue was deleted
struct Blocked {
  std::string why;
};
struct Unblocked {};
using BrokerFrame = std::variant<Delivery, Confirm, Returned, Cancelled, Blocked, Unblocked>;

}  // namespace xylem
