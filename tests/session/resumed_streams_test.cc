// Goal    a subscriber that resumes gets every event that matches once and in order, whatever the
//         connection and the relay do, as long as the relay has it; a gap names what is gone.
// Method  both ends of the stream protocol on one thread, joined by links that delay by seed. The
//         connection ends by seed, the relay begins a new epoch by seed, sends batches again that
//         overlap, and forgets all but the newest. Every event stands in a list of what happened.

#include <gtest/gtest.h>

#include <vector>

#include "relay/session/receive_session.h"
#include "relay/session/subscription_session.h"
#include "tests/doubles/seeded_link.h"

namespace xylem {
namespace {

using namespace std::chrono_literals;
using testing::Chance;

struct Place {
  std::uint64_t epoch;
  std::uint64_t sequence;
  friend constexpr auto operator<=>(const Place&, const Place&) = default;
};

// Events of one epoch in a row; those that do not match are counted and not sent.
struct Frame {
  std::uint64_t epoch;
  std::uint64_t first;
  std::uint64_t last;
  std::uint64_t bytes;
  bool matches;
};
using Down = std::variant<Control, Frame>;

struct RelayEnd {
  void produce(Chance& chance) {
    const std::uint64_t first = next;
    next += chance.between(1, 5);
    const Frame frame{epoch, first, next - 1, chance.between(100, 3000), !chance.one_in(4)};
    log.push_back(frame);
    for (std::uint64_t n = first; frame.matches && n < next; ++n) matched.push_back({epoch, n});
    if (session && frame.matches) tap.push_back(frame);
  }
  // The rest of the log is still there for who comes back.
  void begin_new_epoch() {
    ++epoch;
    next = 1;
  }
  void on_control(const Control& control, Chance& chance, Instant now,
                  testing::SeededLink<Down>& down) {
    if (const auto* hello = std::get_if<Hello>(&control)) {
      tap.clear();
      session = SubscriptionSession::accept(*hello, {}, ++sessions, now).value();
      const Place begins = begin(*hello, chance);
      down.send(session->welcome({begins.epoch}, {begins.sequence}), now);
    } else if (const auto* credit = std::get_if<Credit>(&control)) {
      if (!session || credit->session != session->id()) {
        return down.send(Bye{ByeReason::unknown_session, ""}, now);
      }
      ASSERT_TRUE(session->on_credit(*credit, now));
      if (credit->answer) down.send(alive(), now);
    }
  }
  // Fills the tap with what is kept from the Hello's place on.
  Place begin(const Hello& hello, Chance& chance) {
    Place at{hello.resume_epoch.value, hello.resume_sequence.value};
    if (at.epoch == 0) return {epoch, next};
    const std::size_t first_kept = log.size() - std::min(log.size(), kept_frames);
    const bool known =
        at.epoch == epoch || (first_kept < log.size() && at.epoch >= log[first_kept].epoch);
    if (!known) at = {epoch, 1};  // as a relay without a log: it knows no other epoch
    if (at.sequence > 4 && chance.one_in(2)) at.sequence -= 4;  // too early, which does no harm
    for (std::size_t i = 0; i < log.size(); ++i) {
      Frame frame = log[i];
      if (Place{frame.epoch, frame.last} < at) continue;
      const std::uint64_t from =
          frame.epoch == at.epoch ? std::max(frame.first, at.sequence) : frame.first;
      if (i < first_kept) {
        tap.push_back(Gap{{frame.epoch}, {from}, {frame.last}, 0, GapReason::retention});
      } else if (frame.matches) {
        if (chance.one_in(2)) frame.first = from;  // otherwise it overlaps what was sent before
        tap.push_back(frame);
      }
    }
    return at;
  }
  [[nodiscard]] Alive alive() const {
    Place served{epoch, next};
    if (!tap.empty()) {
      const auto* gap = std::get_if<Control>(&tap.front());
      served = gap != nullptr
                   ? Place{std::get<Gap>(*gap).epoch.value, std::get<Gap>(*gap).first.value}
                   : Place{std::get<Frame>(tap.front()).epoch, std::get<Frame>(tap.front()).first};
    }
    return {{epoch}, {next}, {served.epoch}, {served.sequence}};
  }
  void send(Instant now, testing::SeededLink<Down>& down) {
    for (; session && !tap.empty() && session->may_send(); tap.pop_front()) {
      if (const auto* frame = std::get_if<Frame>(&tap.front())) session->on_sent(frame->bytes);
      down.send(tap.front(), now);
    }
  }
  void on_connection_lost() {
    session.reset();
    tap.clear();
  }

  std::uint64_t epoch = 7;
  std::uint64_t next = 1;
  std::uint64_t sessions = 0;
  std::size_t kept_frames = SIZE_MAX;
  std::vector<Frame> log;
  std::vector<Place> matched;  // every event that the subscriber must account for, in order
  std::optional<SubscriptionSession> session;
  std::deque<Down> tap;
};

// The subscriber, and where it stands in the list of what happened.
struct SubscriberEnd {
  static ReceiveSession::Options options() {
    ReceiveSession::Options made;
    made.hello.credit_bytes = 10'000;
    made.hello.resume_epoch = {7};
    made.hello.resume_sequence = {1};
    return made;
  }
  void take(const Frame& frame, const RelayEnd& relay) {
    const std::uint64_t first = std::max(frame.first, session.first_new({frame.epoch}).value);
    repeated += std::min(first, frame.last + 1) - frame.first;
    for (std::uint64_t n = first; n <= frame.last; ++n, ++at, ++received) {
      ASSERT_LT(at, relay.matched.size());
      ASSERT_EQ(relay.matched[at], (Place{frame.epoch, n})) << "missed, or out of order";
    }
  }
  void miss(const RelayEnd& relay, const Place& until) {
    for (; at < relay.matched.size() && relay.matched[at] < until; ++at) ++missed;
  }

  ReceiveSession session{options()};
  std::size_t at = 0;
  std::uint64_t received = 0;
  std::uint64_t missed = 0;
  std::uint64_t repeated = 0;
};

class ResumedRun {
 public:
  ResumedRun(std::uint64_t seed, std::size_t kept_frames, bool restarts)
      : chance_(seed), restarts_(restarts) {
    relay.kept_frames = kept_frames;
  }
  void step() {
    now_ = now_ + 10ms;
    const bool producing = relay.matched.size() < kEvents;
    if (producing && chance_.one_in(2)) relay.produce(chance_);
    if (producing && chance_.one_in(150)) lose_connection();
    if (producing && restarts_ && chance_.one_in(400)) {
      lose_connection();
      relay.begin_new_epoch();
    }
    while (auto control = up_.receive(now_)) relay.on_control(*control, chance_, now_, down_);
    relay.send(now_, down_);
    for (std::size_t n = chance_.below(4); n > 0; --n) {
      if (auto message = down_.receive(now_)) take(*message);
    }
    perform(subscriber.session.on_idle(now_));
  }
  void connect() {
    lose_connection();
    perform(subscriber.session.on_connected(now_));
  }
  [[nodiscard]] bool finished() const {
    return relay.matched.size() >= kEvents && subscriber.at == relay.matched.size() &&
           subscriber.session.is_at_present();
  }

  static constexpr std::size_t kEvents = 2000;
  RelayEnd relay;
  SubscriberEnd subscriber;

 private:
  void lose_connection() {
    relay.on_connection_lost();
    up_.end();
    down_.end();
  }
  void take(const Down& message) {
    if (const auto* frame = std::get_if<Frame>(&message)) {
      subscriber.take(*frame, relay);
      const auto step =
          subscriber.session.on_batch({frame->epoch}, {frame->last}, frame->bytes, now_);
      return perform(step);
    }
    const Control& control = std::get<Control>(message);
    perform(subscriber.session.on_control(control, now_));
    if (const auto* gap = std::get_if<Gap>(&control)) {
      subscriber.miss(relay, {gap->epoch.value, gap->last.value + 1});
    }
    if (const auto gap = subscriber.session.take_reconnect_gap()) {
      const Welcome& welcome = std::get<Welcome>(control);
      subscriber.miss(relay, {welcome.epoch.value, welcome.next_sequence.value});
    }
  }
  void perform(const ReceiveSession::Step& step) {
    ASSERT_FALSE(std::holds_alternative<ReceiveSession::GiveUp>(step));
    if (const auto* send = std::get_if<ReceiveSession::Send>(&step)) up_.send(send->control, now_);
    if (std::holds_alternative<ReceiveSession::Reconnect>(step)) connect();
  }

  Chance chance_;
  bool restarts_;
  Instant now_{1h};
  testing::SeededLink<Control> up_{chance_, 80ms};
  testing::SeededLink<Down> down_{chance_, 80ms};
};

struct Totals {
  std::uint64_t received = 0;
  std::uint64_t missed = 0;
  std::uint64_t repeated = 0;
  std::uint64_t sessions = 0;
  std::uint64_t epochs = 0;
};

Totals run_all(std::size_t kept_frames, bool restarts) {
  Totals totals;
  for (const std::uint64_t seed : testing::seeds(60)) {
    SCOPED_TRACE(testing::named(seed));
    ResumedRun run(seed, kept_frames, restarts);
    run.connect();
    for (int steps = 0; !run.finished() && !::testing::Test::HasFatalFailure(); ++steps) {
      run.step();
      if (steps > 60'000) {
        ADD_FAILURE() << "it stopped moving at " << run.subscriber.at;
        return totals;
      }
    }
    if (::testing::Test::HasFatalFailure()) return totals;
    EXPECT_EQ(run.subscriber.received + run.subscriber.missed, run.relay.matched.size());
    totals.received += run.subscriber.received;
    totals.missed += run.subscriber.missed;
    totals.repeated += run.subscriber.repeated;
    totals.sessions += run.relay.sessions;
    totals.epochs += run.relay.epoch - 6;
  }
  EXPECT_GT(totals.sessions, 120u) << "the premise: connections did end";
  EXPECT_GT(totals.repeated, 0u) << "the premise: the relay did send events again";
  return totals;
}

TEST(ResumedStreams, MissNothingThatTheRelayStillHas) {
  EXPECT_EQ(run_all(SIZE_MAX, false).missed, 0u);
}

TEST(ResumedStreams, GoThroughAllEpochsOfARelayThatKeepsThem) {
  const Totals totals = run_all(SIZE_MAX, true);
  EXPECT_EQ(totals.missed, 0u);
  EXPECT_GT(totals.epochs, 120u) << "the premise: it was restarted";
}

TEST(ResumedStreams, NameWhatIsNoLongerKept) {
  const Totals totals = run_all(150, true);
  EXPECT_GT(totals.missed, 0u) << "the premise: something was gone";
  EXPECT_GT(totals.received, totals.missed / 4);
}

}  // namespace
}  // namespace xylem
