#include "relay/client/acked_link.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace xylem {
namespace {

// A relay that restarts is to be found again at once.
constexpr int kReconnectMs = 100;
constexpr int kReconnectMaxMs = 500;
constexpr Duration kRefusedWaitMin = std::chrono::seconds(1);
constexpr Duration kRefusedWaitMax = std::chrono::seconds(30);
constexpr std::uint64_t kLoopSpreadMs = 1'000;
constexpr std::int64_t kControlFrameBytesMax = 128 << 10;

}  // namespace

AckedLink::AckedLink(Options options, Context& context, AckedSender& sender, Store& store,
                     const Clock& clock)
    : options_(std::move(options)),
      context_(context),
      sender_(sender),
      store_(store),
      clock_(clock),
      log_(clock) {}

bool AckedLink::open(Instant now) {
  SocketOptions socket;
  // The window bounds what waits; so a socket that takes nothing is one that is not connected.
  socket.send_hwm = 0;
  socket.frame_bytes_max = kControlFrameBytesMax;
  socket.linger_ms = options_.linger_ms;
  socket.immediate = true;
  socket.reconnect_ms = kReconnectMs;
  socket.reconnect_max_ms = kReconnectMaxMs;
  auto made = Socket::open(socket_, context_, SocketKind::dealer, socket);
  if (made) made = socket_->connect(options_.relay);
  if (!made) {
    refusal_ = made.error().message;
    log_.warn("connect", fmt::format("source '{}': {}", printable(options_.name), refusal_));
    back_off(now);
    return false;
  }
  fd_ = socket_->fd();
  stage_ = Stage::connecting;
  opened_at_ = heard_at_ = now;
  return true;
}

void AckedLink::shut(Instant now, Duration wait) {
  sender_.on_connected();
  socket_.reset();
  fd_ = -1;
  stage_ = Stage::closed;
  retry_at_ = now + wait;
}

void AckedLink::close() {
  if (socket_) {
    Frame bye(write_control(Bye{ByeReason::closing, {}}));
    static_cast<void>(socket_->send(bye));
  }
  shut({}, Duration(0));
}

void AckedLink::say_hello() {
  sender_.on_connected();
  Frame hello(
      write_control(SourceHello{kAckedProtocol, options_.name, options_.source,
                                sender_.first_unacked(), options_.level, clock_.wall_us()}));
  if (socket_->send(hello) == SendOutcome::sent) stage_ = Stage::said_hello;
}

void AckedLink::say_hello_again() {
  if (stage_ == Stage::said_hello || stage_ == Stage::welcome) say_hello();
}

void AckedLink::begin_anew(SourceId source) {
  options_.source = source;
  too_narrow_ = false;
  say_hello_again();
}

// libzmq connects anew by itself and tells nobody; the relay then knows nothing of us.
void AckedLink::notice_connection() {
  if (!socket_->writable()) {
    if (stage_ != Stage::connecting) sender_.on_connected();
    stage_ = Stage::connecting;
    return;
  }
  if (stage_ != Stage::connecting) return;
  ++connections_;
  say_hello();
}

std::size_t AckedLink::do_work(Instant now) {
  if (!socket_ && (now < retry_at_ || !open(now))) return 0;
  if (now - heard_at_ > options_.silence_max) {
    // Also the way out of a protocol error, after which libzmq does not connect again.
    shut(now, Duration(0));
    return 1;
  }
  notice_connection();
  const std::size_t read = read_controls(now);
  return read + send_batches(now);
}

std::size_t AckedLink::read_controls(Instant now) {
  std::size_t read = 0;
  for (Frame frame; socket_ && read < kFramesPerTurn && socket_->receive(frame); ++read) {
    if (const auto control = read_control(frame.bytes())) {
      on_control(*control, now);
    } else {
      refused(control.error().message, now);
    }
  }
  return read;
}

void AckedLink::on_control(const Control& control, Instant now) {
  Result<void> taken;
  if (const auto* welcome = std::get_if<SourceWelcome>(&control)) {
    // The answer to the newest Hello comes last.
    if (stage_ != Stage::said_hello && stage_ != Stage::welcome) return;
    if (closes_loop(welcome->relays, now)) return;
    relays_ = welcome->relays;
    is_loop_ = false;
    taken = sender_.on_welcome(welcome->acked, now);
    sender_.narrow_window(welcome->window_bytes);
    frame_bytes_max_ = welcome->frame_bytes_max;
    too_narrow_ = false;
    session_ = welcome->session;
    stage_ = Stage::welcome;
    backoff_ = Duration(0);
    refusal_.clear();
  } else if (const auto* ack = std::get_if<Ack>(&control)) {
    if (stage_ != Stage::welcome || ack->session != session_) return;
    if (closes_loop(ack->relays, now)) return;
    if (!ack->relays.empty()) relays_ = ack->relays;
    taken = sender_.on_ack(ack->acked, now);
    if (taken && ack->missing.value != 0) {
      // It waits for what was skipped: the Hello that said so has not come to it.
      ack->missing <= sender_.acked() ? say_hello() : sender_.on_missing(ack->missing);
    }
  } else if (const auto* bye = std::get_if<Bye>(&control)) {
    return on_bye(*bye, now);
  }
  if (!taken) return refused(taken.error().message, now);
  heard_at_ = now;
}

// Of relays that find the same loop at the same moment one comes back first, and the others then
// find it at once; so each waits a little differently.
bool AckedLink::closes_loop(const RelayChain& relays, Instant now) {
  if (!relays.contains(options_.own)) return false;
  refusal_ = "what is sent there comes back to this relay";
  if (!is_loop_) {
    XYLEM_LOG(error, "{} and '{}' are a loop: {}, so nothing more is", options_.relay.text(),
              printable(options_.name), refusal_);
  }
  is_loop_ = true;
  relays_ = {};
  const std::uint64_t spread = options_.own.value >> (connections_ % 32);
  back_off(now, std::chrono::milliseconds(spread % kLoopSpreadMs));
  return true;
}

void AckedLink::on_bye(const Bye& bye, Instant now) {
  if (bye.reason == ByeReason::unknown_session) {
    // Every frame of a window gets this answer; one Hello is enough.
    if (stage_ == Stage::welcome) say_hello();
    return;
  }
  if (bye.reason == ByeReason::closing) return shut(now, std::chrono::milliseconds(kReconnectMs));
  if (stage_ == Stage::welcome) {
    if (const auto blamed = sender_.on_refused()) store_.give_up(*blamed, bye.text);
  }
  refused(bye.text, now);
}

void AckedLink::refused(const std::string& why, Instant now) {
  refusal_ = why;
  log_.warn("refused", fmt::format("{} says no to source '{}': {}", options_.relay.text(),
                                   printable(options_.name), printable(why)));
  back_off(now);
}

void AckedLink::back_off(Instant now, Duration more) {
  backoff_ = std::clamp(backoff_ * 2, kRefusedWaitMin, kRefusedWaitMax);
  shut(now, backoff_ + more);
}

std::size_t AckedLink::send_batches(Instant now) {
  std::size_t sent = 0;
  while (stage_ == Stage::welcome && !too_narrow_ && sent < kFramesPerTurn) {
    const auto number = sender_.next(now);
    if (!number) break;
    BatchRef batch = store_.batch(*number);
    too_narrow_ = batch->frame().size() > frame_bytes_max_;
    if (too_narrow_) break;
    Frame frame(std::move(batch));
    // It takes everything while it is connected; if it just lost that, a Hello comes first anyway.
    if (socket_->send(frame) != SendOutcome::sent) break;
    ++sent;
  }
  return sent;
}

bool AckedLink::has_work() {
  if (!socket_) return false;
  if (socket_->readable()) return true;
  return socket_->writable() == (stage_ == Stage::connecting);
}

}  // namespace xylem
