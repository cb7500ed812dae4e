#include "relay/transport/native_peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace xylem {
namespace {

constexpr std::uint32_t kReading = EPOLLIN | EPOLLRDHUP | EPOLLET;

void set_option(int fd, int level, int option, int value) {
  ::setsockopt(fd, level, option, &value, sizeof value);
}

// Who vanished is noticed: by keepalive if nothing is on the way, else by the time that it stays
// unacknowledged (keepalive does not run meanwhile).
void prepare(int fd) {
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, 30);
  set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, 10);
  set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
  set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 60'000);
}

std::string name_of_peer(int fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) return "";
  std::array<char, INET6_ADDRSTRLEN> text{};
  const void* place = nullptr;
  if (address.ss_family == AF_INET) {
    place = &reinterpret_cast<const sockaddr_in*>(&address)->sin_addr;
  } else if (address.ss_family == AF_INET6) {
    place = &reinterpret_cast<const sockaddr_in6*>(&address)->sin6_addr;
  }
  if (place == nullptr) return "";
  ::inet_ntop(address.ss_family, place, text.data(), text.size());
  return text.data();
}

}  // namespace

NativePeer::NativePeer(int fd, const Options& options, NativeThread& thread, Owner& owner)
    : fd_(fd),
      thread_(thread),
      poller_(thread.poller),
      owner_(owner),
      token_(poller_.watch(fd, kReading, *this)),
      alarm_(poller_.set_alarm(made_at_ + kHandshakeMax, *this)),
      type_(options.type),
      connection_(options.type, options.limits),
      name_(std::make_shared<const std::string>(name_of_peer(fd))) {
  ++thread_.peers;
  NativeFigures::add(thread_.figures->connections, 1);
  if (!name_->empty()) prepare(fd_);
}

void NativePeer::open() {
  output_.put(zmtp::Connection::opening(type_, ""));
  flush();
}

NativePeer::~NativePeer() { close(); }

void NativePeer::close() {
  if (fd_ < 0) return;
  poller_.cancel(alarm_);
  poller_.unwatch(token_, fd_);
  ::close(std::exchange(fd_, -1));
  output_.clear();
  read_ = ReceivedRef();
  aside_ = std::string();
  is_own_ = is_read_ = false;
  count_output();
  count_input();
  --thread_.peers;
  NativeFigures::add(thread_.figures->connections, std::uint64_t{0} - 1);
  owner_.on_closed(*this);
}

void NativePeer::end(NativeFigures::Ended why) {
  if (fd_ < 0) return;
  thread_.figures->add(why);
  close();
}

void NativePeer::count_output() {
  const std::size_t change = output_.bytes() - output_counted_;
  output_counted_ = output_.bytes();
  thread_.output_bytes += change;
  if (change != 0) NativeFigures::add(thread_.figures->output_bytes, change);
}

void NativePeer::count_input() {
  const std::size_t holds = is_own_ ? read_->capacity : aside_.size();
  const std::size_t change = holds - input_counted_;
  if (change == 0) return;
  input_counted_ = holds;
  thread_.input_bytes += change;
  NativeFigures::add(thread_.figures->input_bytes, change);
  holds > kInputAlwaysBytes ? static_cast<void>(thread_.unfinished.insert(this))
                            : static_cast<void>(thread_.unfinished.erase(this));
}

// Whether it may grow to so many octets. While all have too much, who has most is cut off.
bool NativePeer::may_hold(std::size_t bytes) {
  while (thread_.input_bytes + bytes - input_counted_ > NativeThread::kInputBytesMax) {
    NativePeer* most = this;
    for (NativePeer* peer : thread_.unfinished) {
      if (peer->input_counted_ > most->input_counted_) most = peer;
    }
    most->end(NativeFigures::Ended::input_full);
    if (most == this) return false;
  }
  return true;
}

std::chrono::milliseconds NativePeer::silent_for() const {
  ::tcp_info info{};
  ::socklen_t size = sizeof info;
  if (::getsockopt(fd_, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return {};
  return std::chrono::milliseconds(info.tcpi_last_data_recv);
}

void NativePeer::finish_writing() { ::shutdown(fd_, SHUT_WR); }

void NativePeer::on_time(Poller::Time now) {
  alarm_ = poller_.no_alarm();
  if (!is_connected()) return end(NativeFigures::Ended::handshake_slow);
  // Its PINGs may lie unread behind what we have no room for. Then it is we who must be heard of.
  const bool has_come = std::exchange(has_come_, false) || is_readable_;
  silent_looks_ = has_come ? 0 : silent_looks_ + 1;
  const std::uint32_t ttl_looks = (connection_.ttl_tenths() + 9U) / 10U;
  if (ttl_looks != 0 && silent_looks_ > ttl_looks) return end(NativeFigures::Ended::silent);
  alarm_ = poller_.set_alarm(now + kSignOfLife, *this);
  if (!is_readable_ || !output_.empty()) return;
  std::string octets;
  zmtp::write_pong(octets, "");
  output_.put(octets);
  flush();
}

void NativePeer::on_ready(std::uint32_t events) {
  if ((events & EPOLLOUT) != 0 && awaits_writable_) {
    flush();
    if (is_closed()) return;
    if (is_connected()) owner_.on_writable(*this);
  }
  if ((events & ~static_cast<std::uint32_t>(EPOLLOUT)) == 0) return;
  is_readable_ = true;
  is_ending_ |= (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
  if (is_connected()) return owner_.on_readable(*this);
  shake_hands();
}

// Outside of the owner's turns: a handshake waits for nobody's room.
void NativePeer::shake_hands() {
  while (!is_connected() && read()) {
    const auto step = next();
    if (is_closed()) return;
    if (!std::holds_alternative<zmtp::Connection::Connected>(step.what)) continue;
    poller_.cancel(alarm_);
    put_aside();
    owner_.on_connected(*this);
    if (!is_closed()) owner_.on_readable(*this);
    return;
  }
}

// Where the next read goes: a slab of everybody's, or for the rest of a large message a piece of
// memory of its own, which grows as the octets come and not by what is announced. False if there is
// no memory for it, and it has been cut off.
bool NativePeer::make_room() {
  constexpr std::size_t kSlabBytes = ReceiveSlabs::kBytes;
  if (is_own_) {
    if (end_ < read_->capacity) return true;
    const std::size_t bytes = std::min(needed_, 2 * read_->capacity);
    if (!may_hold(bytes)) return false;
    ReceivedRef larger(new ReceivedBytes(bytes));
    std::memcpy(larger->storage.get(), read_->storage.get(), end_);
    larger->peer = name_;
    read_ = std::move(larger);
    count_input();
    return true;
  }
  const bool needs_own = needed_ > kSlabBytes / 2;
  const std::size_t own_bytes = std::min(needed_, std::max(kSlabBytes, 2 * aside_.size()));
  if (needs_own && !may_hold(own_bytes)) return false;
  is_own_ = needs_own;
  read_ = is_own_ ? ReceivedRef(new ReceivedBytes(own_bytes)) : thread_.slabs.take();
  read_->peer = name_;
  std::memcpy(read_->storage.get(), aside_.data(), aside_.size());
  begin_ = 0;
  end_ = aside_.size();
  aside_.clear();
  if (aside_.capacity() > 4096) aside_ = std::string();
  count_input();
  return true;
}

bool NativePeer::read() {
  if (fd_ < 0) return false;
  if (is_read_) return read_ || make_room();
  if (!is_readable_ || !make_room()) return false;
  const std::size_t room = read_->capacity - end_;
  const ssize_t got = ::recv(fd_, read_->storage.get() + end_, room, 0);
  if (got > 0) {
    end_ += static_cast<std::size_t>(got);
    // A short read has emptied it, and what comes later is told anew.
    is_readable_ = is_ending_ || static_cast<std::size_t>(got) == room;
    return is_read_ = has_come_ = true;
  }
  const bool is_over = got == 0 || (errno != EAGAIN && errno != EINTR);
  is_readable_ = got < 0 && errno == EINTR;
  put_aside();
  if (is_over) close();
  return false;
}

zmtp::Connection::Step NativePeer::next() {
  const std::span<const std::byte> in(read_->storage.get() + begin_, end_ - begin_);
  auto step = connection_.next(in);
  begin_ += step.taken;
  if (const auto* more = std::get_if<zmtp::Connection::NeedsMore>(&step.what)) {
    needed_ = more->bytes;
    is_read_ = false;
    put_aside();
    answer();
  } else if (const auto* why = std::get_if<zmtp::Violation>(&step.what)) {
    thread_.figures->add(*why);
    close();
  }
  return step;
}

// PINGs, once all that was read is looked at; not while much waits before the answer, since that is
// a sign of life as well.
void NativePeer::answer() {
  if (connection_.is_pinged() && !std::exchange(is_watched_, true)) {
    alarm_ = poller_.set_alarm(Poller::now() + kSignOfLife, *this);
  }
  if (output_.bytes() > kAnswerBehindBytesMax) return;
  output_.put(connection_.take_answer());
  if (!output_.empty() && !awaits_writable_) flush();
}

void NativePeer::put_aside() {
  if (!read_ || (is_own_ && begin_ == 0)) return;
  aside_.assign(reinterpret_cast<const char*>(read_->storage.get()) + begin_, end_ - begin_);
  begin_ = end_ = 0;
  is_own_ = false;
  read_ = ReceivedRef();
  count_input();
}

void NativePeer::flush() {
  write_out();
  count_output();
}

void NativePeer::write_out() {
  while (fd_ >= 0 && !output_.empty()) {
    std::array<std::span<const std::byte>, kPiecesPerWrite> pieces;
    std::array<iovec, kPiecesPerWrite> vectors;
    const std::size_t count = output_.pieces(pieces);
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < count; ++i) {
      vectors[i] = {const_cast<std::byte*>(pieces[i].data()), pieces[i].size()};
      bytes += pieces[i].size();
    }
    msghdr message{};
    message.msg_iov = vectors.data();
    message.msg_iovlen = count;
    const ssize_t sent = ::sendmsg(fd_, &message, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno != EAGAIN) return close();
    if (sent > 0) output_.drop(static_cast<std::size_t>(sent));
    if (sent < 0 || static_cast<std::size_t>(sent) < bytes) {
      if (!std::exchange(awaits_writable_, true)) poller_.rewatch(token_, fd_, kReading | EPOLLOUT);
      return;
    }
  }
  if (fd_ >= 0 && std::exchange(awaits_writable_, false)) poller_.rewatch(token_, fd_, kReading);
}

}  // namespace xylem
