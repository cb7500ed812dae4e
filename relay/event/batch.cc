#include "relay/event/batch.h"

#include <cstdlib>

#include "relay/base/check.h"

namespace xylem {
namespace {
constexpr std::size_t kAlignment = 16;
}

Slab::Slab(std::size_t bytes) : size_(bytes) {
  const std::size_t rounded = (bytes + kSlack + kAlignment - 1) / kAlignment * kAlignment;
  bytes_.reset(static_cast<std::byte*>(std::aligned_alloc(kAlignment, rounded)));
  XYLEM_CHECK(bytes_ != nullptr, "memory for one batch");
}

void Slab::Free::operator()(std::byte* bytes) const noexcept { std::free(bytes); }

std::size_t Batch::footprint() const noexcept {
  constexpr std::size_t kAllocation = 16;  // what the allocator keeps beside each
  return sizeof(Batch) + kAllocation + parts_.slab.size() + Slab::kSlack + kAllocation +
         parts_.keys.capacity() * sizeof(BatchKey) + kAllocation +
         parts_.shapes.capacity() * sizeof(BatchShape) + kAllocation;
}

void Batch::stamp(Epoch epoch, Sequence first, std::int64_t received_us) noexcept {
  *parts_.epoch = epoch.value;
  *parts_.first_sequence = first.value;
  *parts_.received_us = received_us;
}

void BatchRef::drop() noexcept {
  // acq_rel: the thread that frees must see what every other owner did before.
  if (batch_ != nullptr && batch_->references_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    delete batch_;
  }
}

}  // namespace xylem
