#include "relay/egress/plain_copies.h"

#include <algorithm>

#include "relay/codec/shaped_batch.h"

namespace xylem {

BatchRef PlainCopies::of(const BatchRef& batch) {
  const auto known = std::find_if(copies_.begin(), copies_.end(),
                                  [&](const Copy& copy) { return &*copy.of == &*batch; });
  if (known != copies_.end()) return known->plain;
  BatchRef plain(expand_frame(*batch));
  bytes_ += plain->frame().size();
  copies_.push_back({batch, plain});
  for (; bytes_ > kBytesMax && copies_.size() > 1; copies_.pop_front()) {
    bytes_ -= copies_.front().plain->frame().size();
  }
  return plain;
}

void PlainCopies::forget() {
  copies_.clear();
  bytes_ = 0;
}

}  // namespace xylem
