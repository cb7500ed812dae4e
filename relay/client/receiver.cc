#include "relay/client/receiver.h"

#include <poll.h>

#include <algorithm>

#include "relay/base/log.h"
#include "relay/codec/batch_codec.h"
#include "relay/codec/batch_split.h"
#include "relay/codec/shaped_batch.h"
#include "relay/event/routing_key.h"
#include "relay/transport/lookup.h"

namespace xylem {
namespace {

constexpr Duration kLookInterval = std::chrono::milliseconds(200);
// A relay may have been given larger limits than our defaults; it has verified what it sends.
constexpr SourceLimits kTrusting{std::size_t{256} << 20, std::size_t{256} << 20};

ReceiveSession::Options session_options(const Receiver::Options& options) {
  ReceiveSession::Options made;
  Hello& hello = made.hello;
  hello.name = options.name;
  hello.patterns = options.patterns;
  hello.overflow = options.overflow;
  hello.tap_bytes_max = options.tap_bytes_max;
  hello.tap_events_max = options.tap_events_max;
  hello.credit_bytes = options.credit_bytes;
  hello.shapes = true;
  hello.resume_epoch = options.from_epoch;
  hello.resume_sequence = options.from_sequence;
  hello.since_us = options.since_us;
  made.resume = options.resume;
  made.answer_timeout = options.answer_timeout;
  return made;
}

}  // namespace

Receiver::Receiver(Options options, Context& context, const Clock& clock)
    : options_(std::move(options)),
      context_(context),
      clock_(clock),
      session_(session_options(options_)) {}

Result<void> Receiver::open() { return connect(); }

Result<void> Receiver::connect() {
  SocketOptions socket;
  socket.send_hwm = 100;
  socket.linger_ms = 200;  // for the Bye
  socket.receive_hwm = 0;  // credit bounds what is under way, in bytes
  socket_.reset();
  if (auto made = Socket::open(socket_, context_, SocketKind::dealer, socket); !made) return made;
  if (auto found = look_up_to_connect(options_.relay)) {
    found_ = *found;
  } else if (!found_) {
    return tl::unexpected(found.error());
  }
  if (auto connected = socket_->connect(*found_); !connected) return connected;
  return perform(session_.on_connected(clock_.now()));
}

Result<void> Receiver::perform(const ReceiveSession::Step& step) {
  if (const auto* send = std::get_if<ReceiveSession::Send>(&step)) {
    Frame frame(write_control(send->control));
    // A full socket means no relay for a while: the session's timeout deals with that.
    static_cast<void>(socket_->send(frame));
  } else if (std::holds_alternative<ReceiveSession::Leave>(step)) {
    close();
  } else if (std::holds_alternative<ReceiveSession::Reconnect>(step)) {
    return connect();
  } else if (const auto* give_up = std::get_if<ReceiveSession::GiveUp>(&step)) {
    return tl::unexpected(give_up->error);
  }
  return {};
}

Result<BatchRef> Receiver::receive(Duration timeout) {
  const Instant deadline = clock_.now() + timeout;
  for (;;) {
    for (Frame frame; socket_ && socket_->receive(frame);) {
      auto batch = take(frame);
      if (!batch || *batch) return batch;
    }
    const Instant now = clock_.now();
    if (auto done = perform(session_.on_idle(now)); !done) return tl::unexpected(done.error());
    if (now >= deadline || stopped_.load(std::memory_order_relaxed)) return BatchRef();
    if (!socket_ || !socket_->readable())
      static_cast<void>(wait_readable(std::min(deadline - now, kLookInterval)));
  }
}

// An empty answer means: a frame that was no batch.
Result<BatchRef> Receiver::take(const Frame& frame) {
  const Instant now = clock_.now();
  if (is_batch_frame(frame.bytes())) return take_batch(frame, now);
  const auto control = read_control(frame.bytes());
  if (!control) {
    ++malformed_frames_;
    XYLEM_LOG(error, "a frame of {} bytes from {} is neither a batch nor a control: {}",
              frame.bytes().size(), options_.relay.text(), control.error().message);
    return BatchRef();
  }
  const auto step = session_.on_control(*control, now);
  report_reconnect_gap();
  if (const auto* gap = std::get_if<Gap>(&*control); gap != nullptr && on_gap_) on_gap_(*gap);
  if (auto done = perform(step); !done) return tl::unexpected(done.error());
  return BatchRef();
}

Result<BatchRef> Receiver::take_batch(const Frame& frame, Instant now) {
  auto read = read_batch(frame.bytes(), kTrusting);
  if (!read) return take_unreadable(frame, name_of(read.error()), now);
  std::unique_ptr<Batch> batch = std::move(*read);
  if (batch->is_shaped()) batch = expand(*batch);
  if (!batch || batch->size() == 0) return take_unreadable(frame, "no sound events", now);
  const Epoch epoch = batch->epoch();
  const std::size_t events = batch->size();
  const Sequence last = batch->sequence_of(batch->entries().back());
  const Sequence first_new = session_.first_new(epoch);
  if (batch->sequence_of(batch->entries().front()) < first_new)
    batch = events_from(*batch, first_new);
  repeated_events_ += events - (batch ? batch->size() : 0);
  const auto step = session_.on_batch(epoch, last, frame.bytes().size(), now);
  if (auto done = perform(step); !done) return tl::unexpected(done.error());
  return batch ? BatchRef(std::move(batch)) : BatchRef();
}

// Which events it held nobody here can say: a gap that goes on to whatever comes next.
Result<BatchRef> Receiver::take_unreadable(const Frame& frame, std::string_view why, Instant now) {
  ++malformed_frames_;
  XYLEM_LOG(error, "a batch of {} bytes from {} cannot be read ({}); its events are missing",
            frame.bytes().size(), options_.relay.text(), why);
  if (on_gap_) on_gap_(session_.gap_of_unreadable());
  if (auto done = perform(session_.on_unreadable(frame.bytes().size(), now)); !done)
    return tl::unexpected(done.error());
  return BatchRef();
}

void Receiver::report_reconnect_gap() {
  if (const auto gap = session_.take_reconnect_gap(); gap && on_gap_) on_gap_(*gap);
}

bool Receiver::wait_readable(Duration timeout) {
  // poll(2) passes over a negative descriptor, and then only waits.
  pollfd wait{socket_ ? socket_->fd() : -1, POLLIN, 0};
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(timeout).count();
  return ::poll(&wait, 1, static_cast<int>(ms) + 1) > 0;
}

void Receiver::on(std::string_view type, Handler handler) {
  if (type == "*") {
    any_ = std::move(handler);
  } else {
    handlers_[key_of_type(type)] = std::move(handler);
  }
}

Result<std::uint64_t> Receiver::capture(std::uint64_t limit, Duration quiet) {
  std::uint64_t handled = 0;
  Instant last = clock_.now();
  while (!stopped_.load(std::memory_order_relaxed) && (limit == 0 || handled < limit)) {
    if (at_hand_) {
      handled += handle_rest(limit == 0 ? UINT64_MAX : limit - handled);
      last = clock_.now();
      continue;
    }
    XYLEM_TRY(at_hand_,
              receive(quiet > Duration(0) ? std::min(quiet, kLookInterval) : kLookInterval));
    next_entry_ = 0;
    if (!at_hand_ && quiet > Duration(0) && clock_.now() - last >= quiet) break;
  }
  return handled;
}

Receiver::Event Receiver::event_of(const Batch& batch, const EventEntry& entry) {
  return {batch.epoch(),      batch.sequence_of(entry), batch.key_of(entry), batch.body_of(entry),
          entry.timestamp_us, batch.received_us(),      batch.is_replayed()};
}

std::uint64_t Receiver::handle_rest(std::uint64_t most) {
  const BatchRef batch = at_hand_;  // a handler may close or capture
  std::uint64_t handled = 0;
  for (; handled < most && next_entry_ < batch->size(); ++handled) {
    const Event event = event_of(*batch, batch->entries()[next_entry_++]);
    if (const auto own = handlers_.find(event.key); own != handlers_.end()) {
      own->second(event);
    } else if (any_) {
      any_(event);
    }
  }
  if (next_entry_ == batch->size()) at_hand_ = {};
  return handled;
}

void Receiver::close() {
  if (!socket_) return;
  Frame frame(write_control(Bye{ByeReason::closing, ""}));
  static_cast<void>(socket_->send(frame));
  socket_.reset();
}

}  // namespace xylem
