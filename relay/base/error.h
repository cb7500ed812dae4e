#pragma once

#include <string>
#include <string_view>

namespace xylem {

// Everything the world can do wrong to us outside the data path. What a source refuses of the
// events themselves is a Refusal (event/refusal.h): that list is counted, this one is explained.
enum class ErrorCode {
  usage,              // the command line
  bad_configuration,  // a file, a key or a value of the configuration
  bad_pattern,        // a topic pattern
  bad_key,            // a routing key
  bad_address,        // an endpoint's address
  address_in_use,     // somebody listens there already
  io,                 // a file or socket operation; the message has errno's words
  no_space,           // the disk, or a quota on it, is full
  malformed,          // bytes that are not what their place demands
  timed_out,          // nobody answered in time
  refused,            // the other side said no
};

// A reason for people: a whole sentence without a full stop. Value type, any thread.
struct Error {
  ErrorCode code;
  std::string message;
};

// The word for `code` in logs and JSON.
std::string_view name_of(ErrorCode code);

}  // namespace xylem
