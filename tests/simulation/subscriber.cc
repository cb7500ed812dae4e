#include "tests/simulation/subscriber.h"

#include <fmt/format.h>

#include <utility>

#include "relay/codec/batch_codec.h"
#include "relay/codec/shaped_batch.h"

namespace xylem::simulation {
namespace {
constexpr Duration kAnswerTimeout = std::chrono::seconds(2);
constexpr Duration kHeartbeat = std::chrono::milliseconds(700);
constexpr Duration kQuiet = std::chrono::seconds(1);
constexpr Epoch kBeforeAll{1};
constexpr Duration kPause = std::chrono::milliseconds(100);
}  // namespace

Subscriber::Counts& Subscriber::Counts::operator+=(const Counts& more) {
  for (const auto count : {&Counts::hellos, &Counts::epochs, &Counts::overflow_gaps,
                           &Counts::retention_gaps, &Counts::byes, &Counts::back_to_start}) {
    this->*count += more.*count;
  }
  return *this;
}

Subscriber::Subscriber(Options options, Network& network, Oracle& oracle, const Instant& now)
    : options_(std::move(options)),
      oracle_(oracle),
      now_(now),
      clock_(now),
      context_(network.process(options_.name)) {}

void Subscriber::violated(const std::string& what) {
  oracle_.violated(
      fmt::format("{} at {} of epoch {}: {}", options_.name, next_.value, epoch_.value, what));
}

void Subscriber::connect() {
  SocketOptions socket;
  socket.send_hwm = 100;
  socket.receive_hwm = 0;
  static_cast<void>(Socket::open(socket_, *context_, SocketKind::dealer, socket));
  static_cast<void>(socket_->connect(address_of(options_.relay)));
  session_ = 0;
  relay_epoch_ = {};
  must_be_let_go_ = false;
  granted_bytes_ = options_.credit_bytes;
  consumed_bytes_ = 0;
  heard_at_ = said_at_ = now_;
  Hello hello;
  hello.name = options_.name;
  hello.overflow = options_.overflow;
  hello.tap_bytes_max = options_.tap_bytes_max;
  hello.credit_bytes = options_.credit_bytes;
  hello.shapes = options_.shapes;
  hello.resume_epoch = epoch_;
  hello.resume_sequence = next_;
  say(hello);
  ++counts_.hellos;
}

void Subscriber::come_back(Duration after) {
  socket_.reset();
  session_ = 0;
  connect_at_ = now_ + after;
}

void Subscriber::say(const Control& control) {
  Frame frame(write_control(control));
  static_cast<void>(socket_->send(frame));
  said_at_ = now_;
}

std::size_t Subscriber::work() {
  if (now_ < asleep_until_) return 0;
  if (!socket_) {
    if (now_ < connect_at_) return 0;
    connect();
  }
  std::size_t work = 0;
  for (Frame frame; socket_ && socket_->receive(frame); ++work) {
    heard_at_ = now_;
    if (is_batch_frame(frame.bytes())) {
      on_batch(frame);
    } else if (const auto control = read_control(frame.bytes())) {
      on_control(*control);
    } else {
      violated("a frame that makes no sense");
    }
  }
  if (!socket_) return work + 1;
  // Whatever came while it slept has been read by now.
  if (now_ - heard_at_ > kAnswerTimeout && now_ - asleep_until_ > kAnswerTimeout) {
    come_back(Duration(0));
  } else if (session_ != 0 && now_ - said_at_ >= kHeartbeat) {
    say(Credit{session_, granted_bytes_, true});
  }
  return work;
}

void Subscriber::on_control(const Control& control) {
  if (const auto* welcome = std::get_if<Welcome>(&control)) return on_welcome(*welcome);
  if (const auto* gap = std::get_if<Gap>(&control)) return on_gap(*gap);
  if (const auto* alive = std::get_if<Alive>(&control)) relay_epoch_ = alive->epoch;
  if (const auto* bye = std::get_if<Bye>(&control)) {
    ++counts_.byes;
    if (bye->reason == ByeReason::refused) violated("refused: " + bye->text);
    if (bye->reason == ByeReason::closing) say(Bye{ByeReason::closing, {}});
    come_back(bye->reason == ByeReason::closing ? kPause : Duration(0));
  }
}

// What was asked for is what begins, unless the relay knows nothing of it.
void Subscriber::on_welcome(const Welcome& welcome) {
  session_ = welcome.session;
  moved_at_ = now_;
  if (welcome.epoch == epoch_ && welcome.next_sequence == next_) return;
  if (welcome.epoch == epoch_) {
    return violated(fmt::format("welcome at {}", welcome.next_sequence.value));
  }
  if (welcome.next_sequence != Sequence{1}) {
    return violated(fmt::format("welcome in the middle of epoch {}", welcome.epoch.value));
  }
  ++counts_.back_to_start;
  epoch_ = welcome.epoch;
  next_ = {1};
}

bool Subscriber::follows(Epoch epoch, Sequence first, const char* what) {
  if (session_ == 0) {
    violated(fmt::format("{} before the Welcome", what));
    return false;
  }
  if (epoch > epoch_ && first == Sequence{1}) {
    ++counts_.epochs;
    if (open_gap_) oracle_.missing(options_.relay_name, *open_gap_, {epoch, first});
    open_gap_.reset();
    epoch_ = epoch;
    next_ = first;
  }
  moved_at_ = now_;
  if (must_be_let_go_) {
    violated(fmt::format("an overflow gap with {}", name_of(options_.overflow)));
  }
  if (epoch == epoch_ && first == next_) return true;
  violated(fmt::format("{} from {} of epoch {}", what, first.value, epoch.value));
  return false;
}

void Subscriber::on_gap(const Gap& gap) {
  if (!follows(gap.epoch, gap.first, "a gap")) return;
  if (gap.last == Sequence{}) {
    // Where the epoch ended is not known: whatever comes before the next that comes.
    ++counts_.retention_gaps;
    open_gap_ = Oracle::Place{gap.epoch, gap.first};
    if (gap.reason != GapReason::retention) violated("a gap without an end");
    if (!options_.log_may_lose && epoch_ != kBeforeAll) violated("a gap without an end");
    return;
  }
  const std::uint64_t events = gap.last.value - gap.first.value + 1;
  if (gap.reason == GapReason::overflow) {
    ++counts_.overflow_gaps;
    if (gap.count != events) violated(fmt::format("a gap of {} that is {}", events, gap.count));
    // With these policies only one that is let go is told what it will not get.
    must_be_let_go_ = (options_.overflow == Overflow::block && !options_.may_be_demoted) ||
                      options_.overflow == Overflow::spill;
  } else {
    ++counts_.retention_gaps;
    if (!options_.log_may_lose) {
      violated(fmt::format("a gap from {} to {}: the log has lost something", gap.first.value,
                           gap.last.value));
    }
  }
  next_ = gap.last.after(1);
  oracle_.missing(options_.relay_name, {gap.epoch, gap.first}, {epoch_, next_});
}

void Subscriber::on_batch(const Frame& frame) {
  auto batch = read_batch(frame.bytes(), options_.limits);
  if (!batch)
    return violated(fmt::format("a batch of {} bytes that is refused: {} (limit {}, {} shapes)",
                                frame.bytes().size(), name_of(batch.error()),
                                options_.limits.message_bytes_max, options_.shapes));
  if ((*batch)->is_shaped() && !options_.shapes) return violated("a shaped batch, unasked");
  if ((*batch)->is_shaped()) *batch = expand(**batch);
  const Batch& whole = **batch;
  if (!follows(whole.epoch(), whole.sequence_of(whole.entries().front()), "a batch")) return;
  for (const EventEntry& entry : whole.entries()) {
    if (whole.sequence_of(entry) != next_) return violated("a batch with holes");
    oracle_.delivered(options_.relay_name, whole.epoch(), next_, whole.key_of(entry),
                      whole.body_of(entry));
    next_ = next_.after(1);
  }
  consumed_bytes_ += frame.bytes().size();
  if (granted_bytes_ - std::min(granted_bytes_, consumed_bytes_) <= options_.credit_bytes / 2) {
    granted_bytes_ = consumed_bytes_ + options_.credit_bytes;
    say(Credit{session_, granted_bytes_, false});
  }
}

// A relay that has taken in nothing in this epoch has nothing to tell of it; then what it has of
// epochs before has come once nothing has come for a while.
bool Subscriber::has_all(Epoch epoch, Sequence next) const {
  if (session_ == 0 || relay_epoch_ != epoch) return false;
  if (next == Sequence{1}) return now_ - moved_at_ > kQuiet;
  return epoch_ == epoch && next_ == next;
}

std::string Subscriber::describe() const {
  return fmt::format("{}: at {} of epoch {}, {}", options_.name, next_.value, epoch_.value,
                     session_ != 0 ? "welcome" : "not welcome");
}

}  // namespace xylem::simulation
