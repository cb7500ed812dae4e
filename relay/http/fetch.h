#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "relay/base/result.h"
#include "relay/transport/address.h"

namespace xylem {

// Asked while an answer is waited for, every 50 ms at least; false ends that.
using KeepWaiting = std::function<bool()>;

// The body of one page of a relay's HTTP endpoint. Waits two seconds at most. Errors: timed_out,
// also when the waiting was ended; refused (a status other than 200), with the words of the relay
// if it gave some as problem+json.
[[nodiscard]] Result<std::string> http_get(const Address& relay, const std::string& path,
                                           const KeepWaiting& keep_waiting = {});

// Text as one part of a path, or one value of a query: what could end it is escaped.
[[nodiscard]] std::string path_part(std::string_view text);

}  // namespace xylem
