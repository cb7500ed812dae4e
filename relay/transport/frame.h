#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <zmq.hpp>

#include "relay/event/batch.h"

namespace xylem {

// Bytes of batches that libzmq holds for one peer and has not written to its connection yet, and in
// `all` those of every peer of an endpoint. libzmq's I/O thread counts down, later perhaps than the
// socket lives: that is why frames share it.
struct InPipes {
  std::atomic<std::uint64_t> bytes{0};
  std::shared_ptr<InPipes> all;
};

// One frame, received or to be sent. Move-only.
class Frame {
 public:
  Frame() = default;
  explicit Frame(std::span<const std::byte> bytes) : message_(bytes.data(), bytes.size()) {}
  explicit Frame(std::string_view text) : message_(text.data(), text.size()) {}
  // The frame of a batch. A large one is sent from where it lies, and holds the batch until
  // libzmq's I/O thread is done with it; below that a copy is cheaper (a content record and an
  // atomic count would be made for each).
  explicit Frame(const BatchRef& batch);
  // The same, counted for as long as libzmq has it; whatever its size, the batch is held until
  // then.
  Frame(BatchRef batch, std::shared_ptr<InPipes> counted);

  [[nodiscard]] std::span<const std::byte> bytes() const {
    return {static_cast<const std::byte*>(message_.data()), message_.size()};
  }
  [[nodiscard]] std::string_view text() const {
    return {static_cast<const char*>(message_.data()), message_.size()};
  }
  // Received, and not the last of its message.
  [[nodiscard]] bool more() const { return more_; }
  // Where the frame came from, for logs: an IP address, or "" over ipc.
  [[nodiscard]] std::string peer_address() const;
  // Received over a connection, so a peer said it. What libzmq itself says, and what comes from
  // within the process, has no peer.
  [[nodiscard]] bool has_peer() const;

 private:
  friend class RawSocket;
  zmq::message_t message_;
  bool more_ = false;
};

}  // namespace xylem
