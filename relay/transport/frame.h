#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <zmq.hpp>

#include "relay/event/batch.h"
#include "relay/transport/received_bytes.h"

namespace xylem {

// Bytes of batches that a socket holds for one peer and has not written to its connection yet, and
// in `all` those of every peer of an endpoint. libzmq's I/O thread counts down, later perhaps than
// the socket lives: that is why frames share it.
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
  // The same, counted until it is written; whatever its size, the batch is held until then.
  Frame(BatchRef batch, std::shared_ptr<InPipes> counted);
  Frame(Frame&& other) noexcept
      : message_(std::move(other.message_)),
        lies_at_(std::exchange(other.lies_at_, {})),
        received_(std::move(other.received_)),
        is_counted_(other.is_counted_),
        more_(other.more_) {}
  Frame& operator=(Frame&& other) noexcept {
    message_ = std::move(other.message_);
    lies_at_ = std::exchange(other.lies_at_, {});
    received_ = std::move(other.received_);
    is_counted_ = other.is_counted_;
    more_ = other.more_;
    return *this;
  }
  // To be sent, and valid until then: `text` stays where it is.
  [[nodiscard]] static Frame lent(std::string_view text) {
    Frame frame;
    frame.lies_at_ = std::as_bytes(std::span(text));
    return frame;
  }

  [[nodiscard]] std::span<const std::byte> bytes() const {
    if (lies_at_.data() != nullptr) return lies_at_;
    return {static_cast<const std::byte*>(message_.data()), message_.size()};
  }
  [[nodiscard]] std::string_view text() const {
    return {reinterpret_cast<const char*>(bytes().data()), bytes().size()};
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
  // Or, if that is empty, what lies elsewhere: in what a native socket has read, or at a lender's.
  std::span<const std::byte> lies_at_;
  ReceivedRef received_;
  bool is_counted_ = false;
  bool more_ = false;
};

}  // namespace xylem
