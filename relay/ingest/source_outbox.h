#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>

#include "relay/base/limits.h"
#include "relay/event/batch.h"
#include "relay/pipeline/edge.h"

namespace xylem {

// The largest frame that libzmq lets in: what is a little above message_bytes_max is refused and
// counted; a sender of more is cut off, since each of its messages would have to be held first.
[[nodiscard]] inline std::int64_t frame_bytes_let_in(const SourceLimits& limits) {
  constexpr std::int64_t kSlack = 64 << 10;
  return 2 * static_cast<std::int64_t>(limits.message_bytes_max) + kSlack;
}

// What a source hands to the pipeline. One message can become more batches than its edge has room
// for: a list whose events take more bytes in a batch than in JSON, or a frame that is near the
// largest and not taken whole. The surplus waits here, in order, and the source reads nothing until
// it is gone; so what waits is never more than one message's. One owner thread, the source's.
class SourceOutbox {
 public:
  explicit SourceOutbox(SourceEdge& edge) : edge_(edge) {}

  void push(std::unique_ptr<Batch> batch) {
    waiting_.push_back(std::move(batch));
    static_cast<void>(flush());
  }
  // Hands over what waits, as far as there is room. Returns how many batches went.
  std::size_t flush() {
    std::size_t gone = 0;
    for (; !waiting_.empty() && edge_.room() != 0; ++gone) {
      edge_.push(waiting_.front().release());
      waiting_.pop_front();
    }
    pushed_ += gone;
    return gone;
  }
  // Whether the source may read another message.
  [[nodiscard]] bool has_room() const { return waiting_.empty() && edge_.room() != 0; }
  // Says that the source will sleep until there is room; false if there is after all.
  [[nodiscard]] bool await_room() { return edge_.room() == 0 && edge_.await_room(1); }

  [[nodiscard]] bool empty() const { return waiting_.empty(); }
  [[nodiscard]] std::uint64_t waiting_events() const {
    std::uint64_t events = 0;
    for (const auto& batch : waiting_) events += batch->size();
    return events;
  }
  // How many batches there were in all, also those that wait.
  [[nodiscard]] std::uint64_t batches() const { return pushed_ + waiting_.size(); }
  // Wakes the pipeline if anything went since.
  void ring() {
    if (pushed_ != rung_) edge_.ring_consumer();
    rung_ = pushed_;
  }

 private:
  SourceEdge& edge_;
  std::deque<std::unique_ptr<Batch>> waiting_;
  std::uint64_t pushed_ = 0;
  std::uint64_t rung_ = 0;
};

}  // namespace xylem
