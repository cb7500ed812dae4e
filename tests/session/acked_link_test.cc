// Goal    whatever the link does to messages, and whenever the relay crashes, every batch ends up
//         in the relay's log once and in order, and none is acked that is not in the log.
// Method  both ends on one thread, joined by links that lose, double, delay and reorder by seed.
//         The log survives a crash; what was taken and not yet logged does not.

#include <gtest/gtest.h>

#include <variant>

#include "relay/session/acked_receiver.h"
#include "relay/session/acked_sender.h"
#include "tests/doubles/lossy_link.h"

namespace xylem {
namespace {

using namespace std::chrono_literals;
using testing::Chance;

constexpr std::uint64_t kBatches = 400;

struct Hello {
  BatchNumber first_unacked;
};
struct Welcome {
  BatchNumber acked;
};
using Up = std::variant<Hello, BatchNumber>;
using Down = std::variant<Welcome, AckedReceiver::Answer>;

class AckedRun {
 public:
  explicit AckedRun(std::uint64_t seed) : chance_(seed) {}

  void step() {
    now_ = now_ + 5ms;
    if (offered_ < kBatches) {
      offered_ = sender.offer(chance_.between(50, 400)).value;
      if (chance_.one_in(80)) crash();
      if (chance_.one_in(100)) connect();
    }
    if (!welcomed_ && now_ >= hello_at_) say_hello();
    while (const auto number = sender.next(now_)) up_.send(*number, now_);
    while (const auto message = up_.receive(now_)) take(*message);
    log_some();
    if (receiver_) {
      if (const auto answer = receiver_->take_answer()) down_.send(*answer, now_);
    }
    while (const auto message = down_.receive(now_)) answered(*message);
    ASSERT_LE(sender.acked().value, log.size()) << "acked, and a crash would lose it";
  }
  void connect() {
    up_.end();
    down_.end();
    sender.on_connected();
    welcomed_ = false;
    hello_at_ = now_;
  }
  [[nodiscard]] bool finished() const {
    return offered_ == kBatches && sender.acked().value == kBatches;
  }
  [[nodiscard]] std::size_t lost() const { return up_.lost + down_.lost; }
  [[nodiscard]] std::size_t doubled() const { return up_.doubled + down_.doubled; }

  AckedSender sender{{.window_bytes = 5'000, .patience = 300ms}};
  std::vector<std::uint64_t> log;
  std::uint64_t duplicates = 0;
  std::uint64_t holes = 0;
  int crashes = 0;

 private:
  // As the shell over a socket does: a Hello that is not answered is said again.
  void say_hello() {
    up_.send(Hello{sender.first_unacked()}, now_);
    hello_at_ = now_ + 200ms;
  }
  void crash() {
    ++crashes;
    taken_.clear();
    receiver_.reset();
    connect();
  }
  void take(const Up& message) {
    if (const auto* hello = std::get_if<Hello>(&message)) {
      if (!receiver_) receiver_.emplace(BatchNumber{log.size() + 1});
      receiver_->on_hello(hello->first_unacked);
      return down_.send(Welcome{receiver_->acked()}, now_);
    }
    if (!receiver_) return;  // of a source that has not said Hello
    const BatchNumber number = std::get<BatchNumber>(message);
    switch (receiver_->on_batch(number)) {
      case AckedReceiver::Verdict::take: taken_.push_back(number); break;
      case AckedReceiver::Verdict::duplicate: ++duplicates; break;
      case AckedReceiver::Verdict::hole: ++holes; break;
    }
  }
  void log_some() {
    const std::size_t count = chance_.below(taken_.size() + 1);
    for (std::size_t n = 0; n < count; ++n) {
      log.push_back(taken_.front().value);
      receiver_->on_done(taken_.front());
      taken_.erase(taken_.begin());
    }
  }
  void answered(const Down& message) {
    if (const auto* welcome = std::get_if<Welcome>(&message)) {
      // One that was doubled or late says no more than an ack.
      const auto said =
          welcomed_ ? sender.on_ack(welcome->acked, now_) : sender.on_welcome(welcome->acked, now_);
      ASSERT_TRUE(said);
      welcomed_ = true;
      return;
    }
    const auto& answer = std::get<AckedReceiver::Answer>(message);
    ASSERT_TRUE(sender.on_ack(answer.acked, now_));
    if (answer.missing) sender.on_missing(*answer.missing);
  }

  Chance chance_;
  Instant now_{1h};
  std::uint64_t offered_ = 0;
  bool welcomed_ = false;
  Instant hello_at_;
  std::optional<AckedReceiver> receiver_;
  std::vector<BatchNumber> taken_;
  testing::LossyLink<Up> up_{chance_, {}};
  testing::LossyLink<Down> down_{chance_, {}};
};

TEST(AckedLink, EveryBatchArrivesOnceAndInOrderWhateverTheLinkDoes) {
  std::uint64_t duplicates = 0;
  std::uint64_t holes = 0;
  std::uint64_t crashes = 0;
  for (const std::uint64_t seed : testing::seeds(300)) {
    SCOPED_TRACE(testing::named(seed));
    AckedRun run(seed);
    run.connect();
    int steps = 0;
    while (!run.finished()) {
      ASSERT_NO_FATAL_FAILURE(run.step());
      ASSERT_LT(++steps, 20'000) << "nothing moves after batch " << run.sender.acked().value;
    }
    ASSERT_EQ(run.log.size(), kBatches);
    for (std::uint64_t n = 0; n < kBatches; ++n) ASSERT_EQ(run.log[n], n + 1);
    EXPECT_GT(run.lost(), 0u) << "the premise: the link did lose";
    EXPECT_GT(run.doubled(), 0u);
    EXPECT_EQ(run.sender.unacked_batches(), 0u);
    duplicates += run.duplicates;
    holes += run.holes;
    crashes += static_cast<std::uint64_t>(run.crashes);
  }
  EXPECT_GT(duplicates, 0u) << "the premise: the receiver was tried";
  EXPECT_GT(holes, 0u);
  EXPECT_GT(crashes, 0u);
}

}  // namespace
}  // namespace xylem
