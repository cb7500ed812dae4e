#include "relay/pipeline/retention.h"

#include <algorithm>

#include "relay/base/check.h"

namespace xylem {

void Retention::add(const BatchRef& batch) {
  XYLEM_CHECK(batch->first_sequence() == next_, "the batch that follows");
  next_ = next_.after(batch->size());
  batches_.push_back(batch);
  bytes_ += batch->footprint();
  while (bytes_ > options_.bytes_max) let_go_of_oldest();
}

void Retention::trim(std::int64_t now_us) {
  const std::int64_t age_us =
      std::chrono::duration_cast<std::chrono::microseconds>(options_.age_max).count();
  while (!batches_.empty() &&
         clipped_difference(now_us, batches_.front()->received_us()) > age_us) {
    let_go_of_oldest();
  }
}

void Retention::let_go_of_oldest() {
  const Batch& oldest = *batches_.front();
  bytes_ -= oldest.footprint();
  first_ = first_.after(oldest.size());
  let_go_us_ = std::max(let_go_us_, oldest.received_us());
  batches_.pop_front();
}

const BatchRef& Retention::at(Sequence sequence) const {
  XYLEM_CHECK(sequence >= first_ && sequence < next_, "a sequence that is kept");
  const auto after = std::upper_bound(
      batches_.begin(), batches_.end(), sequence,
      [](Sequence wanted, const BatchRef& batch) { return wanted < batch->first_sequence(); });
  return *std::prev(after);
}

Sequence Retention::since(std::int64_t since_us) const {
  const auto found = std::partition_point(
      batches_.begin(), batches_.end(),
      [since_us](const BatchRef& batch) { return batch->received_us() < since_us; });
  return found == batches_.end() ? next_ : (*found)->first_sequence();
}

}  // namespace xylem
