#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace xylem {

// Which of several relays a worker's events go to: the one with the highest weight for its hostname
// among those that are there. When one comes or goes only its own workers move. docs/protocol.md §8
// has the function, so that every sidecar in every language agrees. Pure.
[[nodiscard]] std::uint64_t rendezvous_weight(std::string_view hostname, std::string_view relay);

// The index of the relay for `hostname`. REQUIRES at least one that is there.
[[nodiscard]] std::size_t rendezvous(std::string_view hostname,
                                     const std::vector<std::string>& relays,
                                     const std::vector<bool>& there);

}  // namespace xylem
