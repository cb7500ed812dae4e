#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace xylem {

// CRC-32C (Castagnoli; RFC 3720 §12.1) of `bytes`, continuing from `crc`, which is 0 at first or
// what an earlier call returned. Uses the processor's instruction where it has one (20 GB/s), a
// table otherwise. Debian has no library for it. Pure; any thread.
[[nodiscard]] std::uint32_t crc32c(std::span<const std::byte> bytes,
                                   std::uint32_t crc = 0) noexcept;

// The table alone, for tests to compare.
[[nodiscard]] std::uint32_t crc32c_by_table(std::span<const std::byte> bytes,
                                            std::uint32_t crc = 0) noexcept;

}  // namespace xylem
