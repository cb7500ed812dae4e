#pragma once

#include <atomic>
#include <cstdint>

#include "relay/base/ids.h"

namespace xylem {

// How far the relay's log has come in this epoch: written by the thread that owns the spool, read
// by those who acknowledge and replay. Each moves forward only.
class LogProgress {
 public:
  // Every event up to and including this one is in a file (or its drop was announced).
  [[nodiscard]] Sequence written() const { return {written_.load(std::memory_order_acquire)}; }
  // Likewise on the disk.
  [[nodiscard]] Sequence synced() const { return {synced_.load(std::memory_order_acquire)}; }

  void show(Sequence written, Sequence synced) {
    written_.store(written.value, std::memory_order_release);
    synced_.store(synced.value, std::memory_order_release);
  }

 private:
  std::atomic<std::uint64_t> written_{0};
  std::atomic<std::uint64_t> synced_{0};
};

}  // namespace xylem
