#include "relay/egress/rendezvous.h"

#include "relay/base/check.h"

namespace xylem {
namespace {

// FNV-1a, 64 bits.
constexpr std::uint64_t kBasis = 0xCBF29CE484222325;
constexpr std::uint64_t kPrime = 0x100000001B3;

std::uint64_t fnv1a(std::string_view text, std::uint64_t hash) {
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * kPrime;
  return hash;
}

// The finalizer of MurmurHash3: FNV alone leaves the upper bits of short texts much alike.
std::uint64_t mixed(std::uint64_t value) {
  value = (value ^ (value >> 33)) * 0xFF51AFD7ED558CCD;
  value = (value ^ (value >> 33)) * 0xC4CEB9FE1A85EC53;
  return value ^ (value >> 33);
}

}  // namespace

std::uint64_t rendezvous_weight(std::string_view hostname, std::string_view relay) {
  return mixed(fnv1a(relay, fnv1a(std::string_view("\0", 1), fnv1a(hostname, kBasis))));
}

std::size_t rendezvous(std::string_view hostname, const std::vector<std::string>& relays,
                       const std::vector<bool>& there) {
  std::size_t best = relays.size();
  std::uint64_t highest = 0;
  for (std::size_t i = 0; i < relays.size(); ++i) {
    if (!there[i]) continue;
    const std::uint64_t weight = rendezvous_weight(hostname, relays[i]);
    if (best == relays.size() || weight > highest) {
      best = i;
      highest = weight;
    }
  }
  XYLEM_CHECK(best < relays.size(), "one relay is there");
  return best;
}

}  // namespace xylem
