#pragma once

#include <string>
#include <string_view>

#include "relay/base/result.h"

namespace xylem {

// The JSON of one MessagePack value, as Celery's event_serializer 'msgpack' writes events: maps
// with text keys, lists, texts, numbers, true, false, nil. Errors: malformed, for anything else,
// bytes behind it, or what is nested deeper than kJsonDepthMax. Pure; any thread.
[[nodiscard]] Result<std::string> json_of_msgpack(std::string_view bytes);

}  // namespace xylem
