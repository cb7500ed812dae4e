#include "relay/ingest/push_ingest.h"

#include <fmt/format.h>

#include <utility>

namespace xylem {

PushIngest::PushIngest(Options options, Context& context, SourceEdge& edge, const Clock& clock)
    : options_(std::move(options)),
      context_(context),
      outbox_(edge),
      admission_(options_.admission, *this, *this),
      log_(clock) {}

Result<void> PushIngest::on_start() {
  SocketOptions socket;
  socket.receive_hwm = options_.receive_hwm;
  socket.frame_bytes_max = frame_bytes_let_in(options_.admission.limits);
  if (auto made = Socket::open(socket_, context_, SocketKind::pull, socket); !made) return made;
  for (const Address& address : options_.listen) {
    XYLEM_TRY(Address bound, socket_->bind(address));
    bound_.push_back(bound);
  }
  fd_ = socket_->fd();
  return {};
}

std::size_t PushIngest::do_work(Instant) {
  const std::size_t handed_on = outbox_.flush();
  const std::size_t messages = read_messages();
  if (messages != 0) {
    admission_.flush();
    shown_.publish(admission_.figures());
  }
  outbox_.ring();
  return handed_on + messages;
}

std::size_t PushIngest::read_messages() {
  std::size_t messages = 0;
  Frame frame;
  const std::uint64_t bytes_max = admission_.figures().bytes + kBytesPerTurn;
  while (messages < kMessagesPerTurn && admission_.figures().bytes < bytes_max &&
         outbox_.has_room() && socket_->receive(frame)) {
    ++messages;
    take(frame);
  }
  return messages;
}

void PushIngest::take(Frame& first) {
  SourceFigures& figures = admission_.figures();
  ++figures.messages;
  figures.bytes += first.bytes().size();
  at_hand_ = &first;
  if (!first.more()) return admission_.admit_batch(first.bytes());

  // The rest of a message is there as soon as its first frame is.
  Frame body;
  if (!socket_->receive(body)) return;
  figures.bytes += body.bytes().size();
  if (!body.more()) return admission_.admit_json(first.text(), body.text());

  std::size_t bytes = first.bytes().size() + body.bytes().size();
  for (Frame rest; socket_->receive(rest);) {
    figures.bytes += rest.bytes().size();
    bytes += rest.bytes().size();
    if (!rest.more()) break;
  }
  figures.refuse(Refusal::bad_frames);
  on_refused(Refusal::bad_frames, first.text(), bytes);
}

void PushIngest::on_refused(Refusal why, std::string_view key, std::size_t bytes) {
  const std::string peer = at_hand_->peer_address();
  log_.warn(name_of(why),
            fmt::format("push refused {} bytes under key '{}' from {}; expected {}: {}", bytes,
                        printable(key), peer.empty() ? "a local socket" : peer,
                        admission_.expected(why, bytes), name_of(why)));
}

void PushIngest::on_batch(std::unique_ptr<Batch> batch) { outbox_.push(std::move(batch)); }

bool PushIngest::has_work() {
  return (!outbox_.empty() || socket_->readable()) && !outbox_.await_room();
}

void PushIngest::wait_fds(std::vector<int>& fds) const { fds.push_back(fd_); }

// What senders had handed to this side's libzmq is taken; how much that is libzmq does not say, so
// a number bounds it against senders that never pause.
Agent::Drain PushIngest::drain(Instant now) {
  const std::size_t work = do_work(now);
  if (!outbox_.has_room()) return Drain::unfinished;
  received_while_stopping_ += work;
  const bool enough = received_while_stopping_ >= kMessagesAtStop;
  return work == 0 || enough ? Drain::finished : Drain::unfinished;
}

std::uint64_t PushIngest::on_stop() {
  socket_.reset();
  return outbox_.waiting_events();
}

}  // namespace xylem
