#include "relay/zmtp/socket_type.h"

#include <algorithm>
#include <array>
#include <utility>

namespace xylem::zmtp {
namespace {

constexpr std::array<std::string_view, 11> kNames{"PAIR",   "PUB",  "SUB",  "REQ",  "REP", "DEALER",
                                                  "ROUTER", "PULL", "PUSH", "XPUB", "XSUB"};

using enum SocketType;
constexpr std::array<std::pair<SocketType, SocketType>, 12> kPairs{{{push, pull},
                                                                    {pub, sub},
                                                                    {pub, xsub},
                                                                    {xpub, sub},
                                                                    {xpub, xsub},
                                                                    {dealer, dealer},
                                                                    {dealer, router},
                                                                    {dealer, rep},
                                                                    {router, router},
                                                                    {router, req},
                                                                    {req, rep},
                                                                    {pair, pair}}};

}  // namespace

std::string_view name_of(SocketType type) { return kNames[static_cast<std::size_t>(type)]; }

std::optional<SocketType> socket_type_of(std::string_view name) {
  const auto found = std::find(kNames.begin(), kNames.end(), name);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<SocketType>(found - kNames.begin());
}

bool make_a_pair(SocketType one, SocketType other) {
  return std::any_of(kPairs.begin(), kPairs.end(), [&](const auto& pair) {
    return (pair.first == one && pair.second == other) ||
           (pair.first == other && pair.second == one);
  });
}

bool says_its_identity(SocketType type) { return type == req || type == dealer || type == router; }

}  // namespace xylem::zmtp
