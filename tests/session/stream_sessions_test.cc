// Goal    whatever the connection does, a subscriber gets every event once and in order, or a gap
// that
//         names exactly what it missed; and the relay never sends more than credit and one frame.
// Method  both ends of the stream protocol on one thread, joined by links that delay by seed and
// whose
//         connection ends by seed. Time moves only when the test moves it.

#include <gtest/gtest.h>

#include "relay/session/receive_session.h"
#include "relay/session/subscription_session.h"
#include "tests/doubles/seeded_link.h"

namespace xylem {
namespace {

using namespace std::chrono_literals;
using testing::Chance;

constexpr Epoch kEpoch{7};
constexpr std::uint64_t kWindowBytes = 10'000;
constexpr std::uint64_t kFrameBytesMax = 3'000;

struct Frame {
  std::uint64_t first;
  std::uint64_t last;
  std::uint64_t bytes;
};
using Down = std::variant<Control, Frame>;

// The relay: numbers events, keeps what its one subscriber may not be sent yet.
struct RelayEnd {
  void produce(Chance& chance) {
    const std::uint64_t first = next;
    next += chance.between(1, 5);
    if (session) tap.push_back({first, next - 1, chance.between(100, kFrameBytesMax)});
  }
  void on_control(const Control& control, Instant now, testing::SeededLink<Down>& down) {
    if (const auto* hello = std::get_if<Hello>(&control)) {
      tap.clear();
      session = SubscriptionSession::accept(*hello, {}, ++sessions, now).value();
      down.send(session->welcome(kEpoch, {next}), now);
    } else if (const auto* credit = std::get_if<Credit>(&control)) {
      if (!session || credit->session != session->id()) {
        return down.send(Bye{ByeReason::unknown_session, ""}, now);
      }
      ASSERT_TRUE(session->on_credit(*credit, now));
      if (credit->answer) down.send(Alive{kEpoch, {next}}, now);
    }
  }
  void send(Instant now, testing::SeededLink<Down>& down) {
    for (; session && !tap.empty() && may_send(); tap.pop_front()) {
      session->on_sent(tap.front().bytes);
      sent_bytes += tap.front().bytes;
      down.send(tap.front(), now);
    }
  }
  [[nodiscard]] bool may_send() const {
    return session->may_send() &&
           session->sent_bytes() < session->consumed_bytes() + under_way_bytes_max;
  }
  void on_connection_lost() {
    session.reset();
    tap.clear();
    sent_bytes = 0;
  }

  std::uint64_t under_way_bytes_max = std::uint64_t{1} << 40;
  std::uint64_t next = 1;
  std::uint64_t sessions = 0;
  std::uint64_t sent_bytes = 0;  // on this connection
  std::optional<SubscriptionSession> session;
  std::deque<Frame> tap;
};

// The subscriber: accounts for every sequence.
struct SubscriberEnd {
  static ReceiveSession::Options options() {
    ReceiveSession::Options made;
    made.hello.credit_bytes = kWindowBytes;
    return made;
  }
  void take(const Frame& frame) {
    ASSERT_EQ(frame.first, expected) << "out of order, or a gap that was not told";
    expected = frame.last + 1;
    received += frame.last - frame.first + 1;
    consumed_bytes += frame.bytes;
  }
  // A subscription begins with its first Welcome; what was before it never asked for.
  void begin(const Control& control) {
    const auto* welcome = std::get_if<Welcome>(&control);
    if (welcome != nullptr && begun == 0) begun = expected = welcome->next_sequence.value;
  }
  void take_gap() {
    const auto gap = session.take_reconnect_gap();
    if (!gap) return;
    ASSERT_EQ(gap->first.value, expected);
    missed += gap->last.value - gap->first.value + 1;
    expected = gap->last.value + 1;
  }

  ReceiveSession session{options()};
  std::uint64_t begun = 0;
  std::uint64_t expected = 0;
  std::uint64_t received = 0;
  std::uint64_t missed = 0;
  std::uint64_t consumed_bytes = 0;  // on this connection
};

class StreamRun {
 public:
  explicit StreamRun(std::uint64_t seed) : chance_(seed) {}

  void step() {
    now_ = now_ + 10ms;
    if (relay.next <= kEvents && chance_.one_in(2)) relay.produce(chance_);
    if (relay.next <= kEvents && chance_.one_in(losses_one_in)) lose_connection();
    while (auto control = up_.receive(now_)) relay.on_control(*control, now_, down_);
    relay.send(now_, down_);
    ASSERT_LE(relay.sent_bytes, subscriber.consumed_bytes + kWindowBytes + kFrameBytesMax);
    // A slow subscriber now and then, so that the window closes.
    for (std::size_t n = chance_.below(4); n > 0; --n) {
      if (auto message = down_.receive(now_)) take(*message);
    }
    perform(subscriber.session.on_idle(now_));
  }
  void connect() {
    relay.on_connection_lost();
    lost += up_.end() + down_.end();
    subscriber.consumed_bytes = 0;
    ++connections;
    perform(subscriber.session.on_connected(now_));
  }
  [[nodiscard]] bool finished() const {
    return relay.next > kEvents && subscriber.expected == relay.next;
  }

  static constexpr std::uint64_t kEvents = 3000;
  RelayEnd relay;
  SubscriberEnd subscriber;
  std::size_t losses_one_in = 150;
  std::size_t lost = 0;
  int connections = 0;

 private:
  // ZeroMQ connects anew by itself; the relay then sees a peer it does not know, and the subscriber
  // nothing at all.
  void lose_connection() {
    relay.on_connection_lost();
    lost += up_.end() + down_.end();
  }
  void take(const Down& message) {
    if (const auto* frame = std::get_if<Frame>(&message)) {
      subscriber.take(*frame);
      perform(subscriber.session.on_batch(kEpoch, {frame->last}, frame->bytes, now_));
    } else {
      subscriber.begin(std::get<Control>(message));
      perform(subscriber.session.on_control(std::get<Control>(message), now_));
      subscriber.take_gap();
    }
  }
  void perform(const ReceiveSession::Step& step) {
    ASSERT_FALSE(std::holds_alternative<ReceiveSession::GiveUp>(step));
    if (const auto* send = std::get_if<ReceiveSession::Send>(&step)) up_.send(send->control, now_);
    if (std::holds_alternative<ReceiveSession::Reconnect>(step)) connect();
  }

  Chance chance_;
  Instant now_{1h};
  testing::SeededLink<Control> up_{chance_, 80ms};
  testing::SeededLink<Down> down_{chance_, 80ms};
};

TEST(StreamSessions, AccountForEveryEventOverAConnectionThatEnds) {
  std::uint64_t received = 0;
  std::uint64_t missed = 0;
  for (const std::uint64_t seed : testing::seeds(100)) {
    SCOPED_TRACE(testing::named(seed));
    StreamRun run(seed);
    run.connect();
    int steps = 0;
    while (!run.finished()) {
      ASSERT_NO_FATAL_FAILURE(run.step());
      ASSERT_LT(++steps, 60'000) << "the window stopped moving at " << run.subscriber.expected;
    }
    EXPECT_EQ(run.subscriber.received + run.subscriber.missed,
              run.relay.next - run.subscriber.begun);
    EXPECT_GT(run.connections, 2) << "the premise of this run: the connection did end";
    EXPECT_GT(run.lost, 0u);
    received += run.subscriber.received;
    missed += run.subscriber.missed;
  }
  EXPECT_GT(received, missed / 4) << "the premise: both were seen";
  EXPECT_GT(missed, 0u);
}

// Some relays go by what was granted, and allow less than that under way.
TEST(StreamSessions, GoOnWithARelayThatAllowsLessThanHalfOfTheCredit) {
  for (const std::uint64_t seed : testing::seeds(20)) {
    SCOPED_TRACE(testing::named(seed));
    StreamRun run(seed);
    run.relay.under_way_bytes_max = kWindowBytes / 8;
    run.losses_one_in = 100'000'000;
    run.connect();
    for (int steps = 0; !run.finished();) {
      ASSERT_NO_FATAL_FAILURE(run.step());
      ASSERT_LT(++steps, 400'000) << "nothing comes after " << run.subscriber.expected;
    }
    EXPECT_EQ(run.subscriber.received, run.relay.next - run.subscriber.begun);
  }
}

}  // namespace
}  // namespace xylem
