#include "relay/transport/frame.h"

#include <utility>

namespace xylem {
namespace {

// libzmq copies frames below 16 KiB on their way whatever we do, and its first 8 KiB always.
constexpr std::size_t kSendInPlaceBytesMin = 32 << 10;

void release_batch(void*, void* hint) {
  const BatchRef last = BatchRef::adopt(static_cast<const Batch*>(hint));
}

struct Counted {
  BatchRef batch;
  std::shared_ptr<InPipes> in_pipes;
};

void count(InPipes& in_pipes, std::uint64_t bytes) {
  in_pipes.bytes.fetch_add(bytes, std::memory_order_relaxed);
  if (in_pipes.all) in_pipes.all->bytes.fetch_add(bytes, std::memory_order_relaxed);
}

void release_counted(void*, void* hint) {
  const std::unique_ptr<Counted> last(static_cast<Counted*>(hint));
  count(*last->in_pipes, 0 - std::uint64_t{last->batch->frame().size()});
}

}  // namespace

Frame::Frame(BatchRef batch, std::shared_ptr<InPipes> counted) : is_counted_(true) {
  const std::span<const std::byte> frame = batch->frame();
  count(*counted, frame.size());
  auto held = std::make_unique<Counted>(Counted{std::move(batch), std::move(counted)});
  // libzmq wants void*; nobody writes through it.
  message_.rebuild(const_cast<std::byte*>(frame.data()), frame.size(), release_counted,
                   held.release());
}

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
