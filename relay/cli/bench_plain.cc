#include "relay/cli/bench_plain.h"

#include <poll.h>

#include <algorithm>

namespace xylem::cli {
namespace {

constexpr int kHighWaterMark = 1000;  // real backpressure is faster than long queues
// At full speed the clock is read once for so many messages.
constexpr int kMessagesPerTime = 16;

int milliseconds(Duration time) {
  return static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(time).count());
}

}  // namespace

std::unique_ptr<PlainPush> PlainPush::open(const std::string& endpoint, const PlainEnd& end) {
  const auto relay = Address::parse(endpoint);
  if (!relay) return nullptr;
  auto made = std::make_unique<PlainPush>(end);
  return made->socket_.connect(*relay) ? std::move(made) : nullptr;
}

PlainPush::PlainPush(const PlainEnd& end)
    : context_(end.engine),
      socket_(context_, SocketKind::push, {.send_hwm = kHighWaterMark, .linger_ms = 30'000}),
      frames_(end.frames) {}

void PlainPush::send(const BenchEvent& event) {
  if (frames_ == Frames::key_and_body) {
    send_frame(event.key, true);
    send_frame(event.body);
    return;
  }
  joined_.assign(event.key);
  joined_ += '\0';
  joined_ += event.body;
  send_frame(joined_);
}

void PlainPush::send_frame(std::string_view text, bool more) {
  Frame frame(text);
  while (socket_.send(frame, more) == SendOutcome::full) {
    pollfd wait{socket_.fd(), POLLIN, 0};
    while (!socket_.writable()) ::poll(&wait, 1, 100);
  }
}

std::unique_ptr<PlainSub> PlainSub::open(const std::string& endpoint, const PlainEnd& end,
                                         const std::vector<std::string>& patterns) {
  const auto relay = Address::parse(endpoint);
  if (!relay) return nullptr;
  auto made = std::make_unique<PlainSub>(end);
  if (!made->socket_.connect(*relay)) return nullptr;
  for (const std::string& pattern : patterns) {
    if (!made->socket_.subscribe(pattern.substr(0, pattern.find_first_of("*#")))) return nullptr;
  }
  if (!made->socket_.subscribe(kBenchWarmUpKey)) return nullptr;
  return made;
}

PlainSub::PlainSub(const PlainEnd& end)
    : context_(end.engine),
      socket_(context_, SocketKind::sub, {.receive_hwm = kHighWaterMark}),
      frames_(end.frames) {}

bool PlainSub::receive(BenchAccounts& accounts, Duration timeout) {
  if (!receive_frame(timeout)) return true;
  accounts.now_is();
  take_first(accounts);
  for (int more = 1; more < kMessagesPerTime && socket_.receive(first_); ++more) {
    if (accounts.is_paced()) accounts.now_is();
    take_first(accounts);
  }
  return true;
}

const Frame* PlainSub::receive_frame(Duration timeout) {
  if (socket_.receive(first_)) return &first_;
  pollfd wait{socket_.fd(), POLLIN, 0};
  if (!socket_.readable()) ::poll(&wait, 1, milliseconds(timeout));
  return socket_.receive(first_) ? &first_ : nullptr;
}

void PlainSub::take_first(BenchAccounts& accounts) {
  if (frames_ == Frames::key_and_body) {
    if (first_.more() && socket_.receive(body_)) accounts.take(first_.text(), body_.text());
    return;
  }
  const std::string_view text = first_.text();
  const std::size_t end = text.find('\0');
  if (end != std::string_view::npos) accounts.take(text.substr(0, end), text.substr(end + 1));
}

}  // namespace xylem::cli
