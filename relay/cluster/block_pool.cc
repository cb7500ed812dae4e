#include "relay/cluster/block_pool.h"

#include <algorithm>

namespace xylem::cluster {

std::byte* BlockPool::take(std::size_t bytes) {
  bytes = rounded(std::max<std::size_t>(bytes, 1));
  bytes_taken_ += bytes;
  if (bytes > kPooledMax) return static_cast<std::byte*>(::operator new(bytes));
  Free*& free = free_[bytes / kGrain];
  if (free != nullptr) {
    Free* const block = free;
    free = block->next;
    return reinterpret_cast<std::byte*>(block);
  }
  if (fresh_bytes_ < bytes) {
    // What is left of the chunk before serves smaller ones.
    if (fresh_bytes_ != 0) {
      free_[fresh_bytes_ / kGrain] = new (fresh_) Free{free_[fresh_bytes_ / kGrain]};
    }
    chunks_.push_back(std::make_unique_for_overwrite<std::byte[]>(kChunkBytes));
    fresh_ = chunks_.back().get();
    fresh_bytes_ = kChunkBytes;
  }
  std::byte* const block = fresh_;
  fresh_ += bytes;
  fresh_bytes_ -= bytes;
  return block;
}

void BlockPool::give_back(std::byte* block, std::size_t bytes) noexcept {
  bytes = rounded(std::max<std::size_t>(bytes, 1));
  bytes_taken_ -= bytes;
  if (bytes > kPooledMax) return ::operator delete(block);
  Free*& free = free_[bytes / kGrain];
  free = new (block) Free{free};
}

}  // namespace xylem::cluster
