#pragma once

#include <string>

#include "relay/base/result.h"
#include "relay/transport/address.h"

namespace xylem {

// The body of one page of a relay's HTTP endpoint. Waits two seconds at most. Errors: timed_out,
// refused (a status other than 200).
[[nodiscard]] Result<std::string> http_get(const Address& relay, const std::string& path);

}  // namespace xylem
