#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <set>
#include <vector>

#include "relay/transport/native_figures.h"
#include "relay/transport/poller.h"
#include "relay/transport/received_bytes.h"

namespace xylem {

class NativePeer;

// Memory to read into, of all native sockets of a thread: lent for one read, and lent again as soon
// as no frame in it is held any more.
class ReceiveSlabs {
 public:
  static constexpr std::size_t kBytes = std::size_t{256} << 10;
  [[nodiscard]] ReceivedRef take() {
    if (!slab_.is_sole()) slab_ = ReceivedRef(new ReceivedBytes(kBytes));
    return slab_;
  }

 private:
  ReceivedRef slab_;
};

// What the native sockets of one thread share.
struct NativeThread {
  // Octets of messages that have begun to come and are not whole. Above it who has most of them is
  // cut off: it may never end its message, and whoever does would wait for ever.
  static constexpr std::size_t kInputBytesMax = std::size_t{256} << 20;
  // Octets that wait to be written. Above half of it everybody has the same share of the other
  // half, so that who reads gets on whatever the others hold.
  static constexpr std::size_t kOutputBytesMax = std::size_t{512} << 20;
  static constexpr std::size_t kOutputShareMin = std::size_t{64} << 10;

  explicit NativeThread(std::shared_ptr<NativeFigures> shown) : figures(std::move(shown)) {}
  // Writes what was sent and still waits, of all sockets.
  void flush();
  // How much may wait for one peer before it is full, if `most` is its own bound.
  [[nodiscard]] std::size_t output_share(std::size_t most) const {
    if (output_bytes < kOutputBytesMax / 2) return most;
    const std::size_t share = kOutputBytesMax / 2 / std::max<std::size_t>(peers, 1);
    return std::min(most, std::max(share, kOutputShareMin));
  }

  Poller poller;
  ReceiveSlabs slabs;
  std::shared_ptr<NativeFigures> figures;
  std::vector<NativePeer*> dirty;    // that have something to write
  std::set<NativePeer*> unfinished;  // that hold much of a message
  std::size_t peers = 0;
  std::size_t input_bytes = 0;
  std::size_t output_bytes = 0;
};

}  // namespace xylem
