#include "relay/base/line_queue.h"

#include <utility>

namespace xylem {

void LineQueue::push(std::string line) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_ || lines_.size() >= limits_.lines_max || line.size() > limits_.bytes_max - bytes_) {
      ++lost_;
      ++untold_;
      return;
    }
    bytes_ += line.size();
    lines_.push_back(std::move(line));
  }
  filled_.notify_one();
}

LineQueue::Taken LineQueue::take() {
  Taken taken;
  std::unique_lock lock(mutex_);
  filled_.wait(lock, [this] { return !lines_.empty() || closed_; });
  while (!lines_.empty() && taken.text.size() < kTakenBytes) {
    taken.text += lines_.front();
    bytes_ -= lines_.front().size();
    lines_.pop_front();
  }
  // What was dropped came after all that was waiting.
  if (lines_.empty()) taken.lost = std::exchange(untold_, 0);
  return taken;
}

void LineQueue::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  filled_.notify_one();
}

std::uint64_t LineQueue::lost() const {
  const std::lock_guard lock(mutex_);
  return lost_;
}

}  // namespace xylem
