#pragma once

#include <memory>

#include "relay/transport/context.h"
#include "relay/transport/listening.h"

namespace xylem {

struct NativeThread;

// A native socket of the kind, for the calling thread.
[[nodiscard]] std::unique_ptr<RawSocket> open_native(SocketKind kind, const SocketOptions& options,
                                                     const IpcAccess& access,
                                                     std::shared_ptr<NativeThread> thread);

}  // namespace xylem
