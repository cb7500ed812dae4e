#include "bench/peers/peers.h"

namespace xylem::peers {

std::unique_ptr<cli::BenchCarrier> rabbitmq_carrier(const cli::BenchOptions&) { return nullptr; }

}  // namespace xylem::peers
