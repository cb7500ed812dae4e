#pragma once

#include <future>
#include <string>

#include "relay/agent/service_thread.h"
#include "relay/base/clock.h"
#include "relay/base/line_queue.h"

namespace xylem {

// A thread that writes the lines of a queue to a descriptor, and waits there for as long as the
// other end takes nothing, so that nobody else has to. Made and ended by one thread.
class LineWriter {
 public:
  // `name` is the thread's. The descriptor must outlive the writer, and is not closed.
  LineWriter(const std::string& name, int fd);
  // Waits until all is written, unless finish() has seen to it.
  ~LineWriter();
  LineWriter(const LineWriter&) = delete;
  LineWriter& operator=(const LineWriter&) = delete;

  [[nodiscard]] LineQueue& queue() { return queue_; }
  // Takes no more lines. True once those that were taken are written; false if that took longer
  // than `patience`: the thread is stuck, and the process can only be left with _Exit.
  [[nodiscard]] bool finish(Duration patience);

 private:
  void run();
  void write(std::string_view text);
  void on_failure(int error);

  std::string name_;
  int fd_;
  bool has_failed_ = false;
  LineQueue queue_;
  std::future<void> done_;
  ServiceThread thread_;
};

}  // namespace xylem
