#include "relay/base/error.h"

namespace xylem {

std::string_view name_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::usage: return "usage";
    case ErrorCode::bad_configuration: return "bad_configuration";
    case ErrorCode::bad_pattern: return "bad_pattern";
    case ErrorCode::bad_key: return "bad_key";
    case ErrorCode::bad_address: return "bad_address";
    case ErrorCode::address_in_use: return "address_in_use";
    case ErrorCode::io: return "io";
    case ErrorCode::no_space: return "no_space";
    case ErrorCode::malformed: return "malformed";
    case ErrorCode::timed_out: return "timed_out";
    case ErrorCode::refused: return "refused";
  }
  return "unknown";
}

}  // namespace xylem
