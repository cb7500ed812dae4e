#pragma once

#include <functional>
#include <string>

#include "relay/base/clock.h"
#include "relay/base/result.h"
#include "relay/http/fetch.h"
#include "relay/top/console.h"
#include "relay/top/terminal.h"
#include "relay/transport/address.h"

namespace xylem::top {

// The relay's answer to what is wanted: a page after the other. Errors: those of http_get;
// malformed, for what is no JSON.
[[nodiscard]] Result<Answer> ask(const Address& relay, const Wanted& wanted,
                                 const KeepWaiting& keep_waiting = {});

struct WatchOptions {
  Address relay;
  Duration interval = std::chrono::seconds(1);
};
// Until somebody ends it: asks once an interval, more seldom where answers take long, and at once
// for what was not wanted before; keys are heeded meanwhile. A relay that is away is asked again.
void watch(const WatchOptions& options, Console& console, Terminal& terminal, const Clock& clock);

}  // namespace xylem::top
