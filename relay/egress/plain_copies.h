#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

#include "relay/event/batch.h"

namespace xylem {

// Shaped batches as frames of plain JSON, for subscribers that read no shapes: made once for all
// that are sent the same one in a turn. Up to 512 times as large as what they are made of, so
// forgotten when the turn ends. One owner thread.
class PlainCopies {
 public:
  // Cost: twice the JSON, if it is not here.
  [[nodiscard]] BatchRef of(const BatchRef& batch);
  void forget();
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

  // Above this the oldest goes; one alone may be larger.
  static constexpr std::uint64_t kBytesMax = std::uint64_t{16} << 20;

 private:
  struct Copy {
    BatchRef of;
    BatchRef plain;
  };
  std::deque<Copy> copies_;  // a turn makes few
  std::uint64_t bytes_ = 0;
};

}  // namespace xylem
