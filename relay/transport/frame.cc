#include "relay/transport/frame.h"

namespace xylem {
namespace {

// libzmq copies frames below 16 KiB on their way whatever we do, and its first 8 KiB always.
constexpr std::size_t kSendInPlaceBytesMin = 32 << 10;

void release_batch(void*, void* hint) {
  const BatchRef last = BatchRef::adopt(static_cast<const Batch*>(hint));
}

}  // namespace

Frame::Frame(const BatchRef& batch) {
  const std::span<const std::byte> frame = batch->frame();
  if (frame.size() < kSendInPlaceBytesMin) {
    message_.rebuild(frame.data(), frame.size());
    return;
  }
  const Batch* held = BatchRef(batch).release();
  // libzmq wants void*; nobody writes through it.
  message_.rebuild(const_cast<std::byte*>(frame.data()), frame.size(), release_batch,
                   const_cast<Batch*>(held));
}

bool Frame::has_peer() const {
  if (received_) return true;
  return ::zmq_msg_gets(const_cast<zmq::message_t&>(message_).handle(), "Peer-Address") != nullptr;
}

std::string Frame::peer_address() const {
  if (received_) return *received_->peer;
  const char* address =
      ::zmq_msg_gets(const_cast<zmq::message_t&>(message_).handle(), "Peer-Address");
  // Over ipc libzmq answers "localhost:UID:GID:PID".
  return address != nullptr && !std::string_view(address).starts_with("localhost:") ? address : "";
}

}  // namespace xylem
