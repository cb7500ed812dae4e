#include "tests/simulation/stranger.h"

#include <utility>

#include "tests/simulation/process.h"

namespace xylem::simulation {
namespace {
using testing::Bytes;

constexpr std::size_t kHeardAtOnce = 8;
}  // namespace

Stranger::Counts& Stranger::Counts::operator+=(const Counts& more) {
  for (const auto count :
       {&Counts::controls, &Counts::batches, &Counts::messages, &Counts::welcomes, &Counts::byes}) {
    this->*count += more.*count;
  }
  return *this;
}

Stranger::Stranger(Options options, Relay& relay, Network& network, const Instant& now,
                   std::uint64_t seed)
    : options_(std::move(options)),
      relay_(relay),
      now_(now),
      chance_(seed),
      context_(network.process(options_.name)),
      events_(chance_, relay.options().limits),
      controls_(chance_),
      source_(chance_.between(1, 6)) {}

std::size_t Stranger::work() {
  if (silent_ || now_ < next_at_) return 0;
  const auto pause_us = std::chrono::duration_cast<std::chrono::microseconds>(options_.pause_max);
  next_at_ =
      now_ + std::chrono::microseconds(chance_.below(static_cast<std::size_t>(pause_us.count())));
  if (options_.door == Door::push) {
    push();
    return 1;
  }
  if (!socket_) connect();
  if (!chance_.one_in(4)) read();
  for (std::size_t left = chance_.below(4); left > 0; --left) say_something();
  if (chance_.one_in(25)) socket_.reset();
  return 1;
}

void Stranger::fall_silent() {
  silent_ = true;
  if (chance_.one_in(2)) socket_.reset();
}

void Stranger::push() {
  if (!relay_.is_up() || relay_.is_stopping()) return;
  ++counts_.messages;
  if (chance_.one_in(2)) return relay_.take_in_strange({}, events_.frame());
  const auto [key, body] = events_.message();
  relay_.take_in_strange(key, testing::bytes_of(body));
}

void Stranger::connect() {
  const Relay::Options& relay = relay_.options();
  SocketOptions socket;
  socket.send_hwm = 20;
  static_cast<void>(Socket::open(socket_, *context_, SocketKind::dealer, socket));
  static_cast<void>(
      socket_->connect(address_of(options_.door == Door::acked ? relay.acked : relay.stream)));
  session_ = 0;
}

void Stranger::read() {
  std::size_t left = kHeardAtOnce;
  for (Frame frame; left > 0 && socket_->receive(frame); --left) {
    const auto control = read_control(frame.bytes());
    if (!control) continue;  // a batch
    if (const auto* welcome = std::get_if<Welcome>(&*control)) {
      ++counts_.welcomes;
      session_ = welcome->session;
      granted_ = 0;
      for (const std::uint64_t heard :
           {welcome->session, welcome->epoch.value, welcome->next_sequence.value}) {
        controls_.heard(heard);
      }
    } else if (const auto* source = std::get_if<SourceWelcome>(&*control)) {
      ++counts_.welcomes;
      session_ = source->session;
      next_batch_ = source->acked.value + 1;
      controls_.heard(source->session);
      controls_.heard(next_batch_);
    }
    counts_.byes += std::holds_alternative<Bye>(*control);
  }
}

void Stranger::say_something() {
  const bool speaks_of_events =
      options_.door == Door::acked ? session_ != 0 && !chance_.one_in(4) : chance_.one_in(20);
  speaks_of_events ? ++counts_.batches : ++counts_.controls;
  send(speaks_of_events ? batch() : control());
}

Bytes Stranger::batch() {
  Bytes frame = events_.frame();
  testing::poke(frame, testing::FrameHead::kEpoch,
                chance_.one_in(20) ? controls_.number() : source_);
  const bool next = !chance_.one_in(8);
  testing::poke(frame, testing::FrameHead::kFirstSequence,
                next ? next_batch_++ : controls_.number());
  if (chance_.one_in(3)) testing::poke(frame, testing::FrameHead::kReceivedUs, controls_.number());
  if (chance_.one_in(40)) frame.resize(chance_.below(frame.size()));
  return frame;
}

Bytes Stranger::control() {
  if (chance_.one_in(4)) return controls_.frame();
  if (options_.door == Door::acked) {
    SourceHello hello = controls_.source_hello();
    if (!chance_.one_in(5)) {
      hello.source = {source_};
      hello.first_unacked = {next_batch_};
    }
    return controls_.frame(hello);
  }
  if (session_ == 0 || chance_.one_in(12)) return controls_.frame(controls_.hello());
  Credit credit = controls_.credit();
  if (!chance_.one_in(5)) credit = {session_, granted_ += chance_.below(40'000), credit.answer};
  return controls_.frame(credit);
}

void Stranger::send(const Bytes& frame) {
  Frame sent{std::span<const std::byte>(frame)};
  static_cast<void>(socket_->send(sent));
}

}  // namespace xylem::simulation
