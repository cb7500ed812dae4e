#pragma once

#include <functional>
#include <string>
#include <thread>

namespace xylem {

// A named thread for a library that brings a blocking loop of its own (the HTTP server). The owner
// makes the loop return, then joins here; nothing is ever detached.
class ServiceThread {
 public:
  ServiceThread() = default;
  ServiceThread(const std::string& name, std::function<void()> loop);
  void join();

 private:
  std::thread thread_;
};

}  // namespace xylem
