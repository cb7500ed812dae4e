#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>

namespace xylem {

// Lines on their way to a descriptor that may take none for as long as it likes: a pipe that nobody
// reads, a terminal that was stopped. Whoever pushes never waits for whoever writes: what finds no
// room is dropped and counted, and the writer is told where. The newest is dropped, because the
// first lines say how the trouble began.
//
// push() and the observers from any thread; take() from the one that writes, which holds no lock
// while it does.
class LineQueue {
 public:
  struct Limits {
    std::size_t lines_max = 4096;
    std::size_t bytes_max = 1 << 20;
  };
  struct Taken {
    std::string text;        // whole lines, kTakenBytes and one line at most
    std::uint64_t lost = 0;  // lines that were dropped after these
  };

  LineQueue() = default;
  explicit LineQueue(const Limits& limits) : limits_(limits) {}

  // `line` ends with a newline.
  void push(std::string line);
  // Waits for lines. Nothing, once the queue is closed and empty.
  [[nodiscard]] Taken take();
  // Takes no more lines, and lets the writer go once it has taken those that wait.
  void close();
  // Lines dropped so far.
  [[nodiscard]] std::uint64_t lost() const;

 private:
  static constexpr std::size_t kTakenBytes = 16 << 10;
  Limits limits_;
  mutable std::mutex mutex_;
  std::condition_variable filled_;
  std::deque<std::string> lines_;
  std::size_t bytes_ = 0;
  std::uint64_t lost_ = 0;
  std::uint64_t untold_ = 0;  // of those lost
  bool closed_ = false;
};

}  // namespace xylem
