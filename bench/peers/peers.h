#pragma once

#include <memory>

#include "relay/cli/bench_carrier.h"
#include "relay/cli/bench_plain.h"

namespace xylem::peers {

// Carriers besides those of tcp_client.h. `options` must outlive each.

// A libzmq proxy: the clients of Xylem's plain lanes, in one of two forms.
[[nodiscard]] std::unique_ptr<cli::BenchCarrier> zmq_carrier(const cli::BenchOptions& options,
                                                             cli::Frames frames);
// The same proxy, blind blocks of 64 KiB through it: what batching alone buys, without filters.
[[nodiscard]] std::unique_ptr<cli::BenchCarrier> zmq_blocks_carrier(
    const cli::BenchOptions& options);
// Null: built without librabbitmq.
[[nodiscard]] std::unique_ptr<cli::BenchCarrier> rabbitmq_carrier(const cli::BenchOptions& options);

}  // namespace xylem::peers
