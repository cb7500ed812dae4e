#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "relay/base/check.h"

// What a fuzz target is given, as the decoders take it. A broken property aborts (XYLEM_CHECK),
// which libFuzzer and the replaying test both see.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size);

namespace xylem::testing {

inline std::string_view text_of(const std::uint8_t* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}
inline std::span<const std::byte> frame_of(const std::uint8_t* bytes, std::size_t size) {
  return {reinterpret_cast<const std::byte*>(bytes), size};
}

}  // namespace xylem::testing
