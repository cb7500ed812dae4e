#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <vector>

namespace xylem::cluster {

// Memory of a few fixed sizes, cut from chunks that are never given back: tasks come and go by the
// million, and what one leaves the next one takes. Counts every byte, so that a bound on memory is
// exact. One owner thread.
class BlockPool {
 public:
  static constexpr std::size_t kGrain = 16;
  static constexpr std::size_t kPooledMax = 512;  // larger blocks come from the heap
  static constexpr std::size_t kChunkBytes = std::size_t{64} << 10;

  BlockPool() = default;
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;

  // Aligned to 16 bytes. Never nullptr.
  [[nodiscard]] std::byte* take(std::size_t bytes);
  // `bytes` as it was asked for.
  void give_back(std::byte* block, std::size_t bytes) noexcept;

  // What taken blocks hold, rounded up to their sizes.
  [[nodiscard]] std::size_t bytes_taken() const noexcept { return bytes_taken_; }

 private:
  struct Free {
    Free* next;
  };
  [[nodiscard]] static std::size_t rounded(std::size_t bytes) noexcept {
    return (bytes + kGrain - 1) / kGrain * kGrain;
  }
  std::array<Free*, kPooledMax / kGrain + 1> free_{};
  std::vector<std::unique_ptr<std::byte[]>> chunks_;
  std::byte* fresh_ = nullptr;
  std::size_t fresh_bytes_ = 0;
  std::size_t bytes_taken_ = 0;
};

}  // namespace xylem::cluster
