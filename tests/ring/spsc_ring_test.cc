#include "relay/ring/spsc_ring.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <numeric>
#include <thread>
#include <vector>

#include "tests/doubles/chance.h"

namespace xylem {
namespace {

class SpscRingTest : public ::testing::TestWithParam<std::size_t> {
 protected:
  SpscRing<std::uint64_t> ring{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Capacities, SpscRingTest, ::testing::Values(1, 2, 7, 64));

TEST_P(SpscRingTest, HoldsItsCapacityAndNotOneMore) {
  auto [producer, consumer] = ring.split();
  EXPECT_EQ(consumer.capacity(), GetParam());
  for (std::uint64_t i = 0; i < GetParam(); ++i) {
    EXPECT_EQ(producer.room(), GetParam() - i);
    EXPECT_TRUE(producer.push(i));
  }
  EXPECT_EQ(producer.room(), 0u);
  EXPECT_FALSE(producer.push(99));
  EXPECT_EQ(consumer.available(), GetParam());
}

TEST_P(SpscRingTest, TakesOfARunWhatFitsAndSaysHowMany) {
  auto [producer, consumer] = ring.split();
  std::vector<std::uint64_t> run(GetParam() + 3);
  std::iota(run.begin(), run.end(), 0);
  EXPECT_EQ(producer.push(run), GetParam());
  std::vector<std::uint64_t> out(GetParam() + 3);
  EXPECT_EQ(consumer.pop(out), GetParam());
  out.resize(GetParam());
  run.resize(GetParam());
  EXPECT_EQ(out, run);
  EXPECT_EQ(consumer.pop(out), 0u);
}

TEST_P(SpscRingTest, StaysInOrderRoundAfterRound) {
  auto [producer, consumer] = ring.split();
  std::array<std::uint64_t, 1> out{};
  for (std::uint64_t i = 0; i < 10 * GetParam() + 3; ++i) {
    ASSERT_TRUE(producer.push(i));
    ASSERT_EQ(consumer.pop(out), 1u);
    ASSERT_EQ(out[0], i);
  }
}

// Counts the moves of two threads, so that one can wait for the other's next instead of spinning.
class Moves {
 public:
  [[nodiscard]] std::uint32_t so_far() const { return count_.load(); }
  void one_more() {
    ++count_;
    count_.notify_one();
  }
  void await_more_than(std::uint32_t seen) { count_.wait(seen); }

 private:
  std::atomic<std::uint32_t> count_{0};
};

// Pushes 0, 1, 2, ... in runs of random length.
void push_all(SpscRing<std::uint64_t>::Producer& producer, std::uint64_t items, Moves& moves,
              testing::Chance chance) {
  std::array<std::uint64_t, 80> run{};
  for (std::uint64_t next = 0; next < items;) {
    const std::size_t length = std::min<std::size_t>(chance.between(1, 80), items - next);
    std::iota(run.begin(), run.begin() + static_cast<std::ptrdiff_t>(length), next);
    const std::uint32_t seen = moves.so_far();
    const std::size_t taken = producer.push(std::span(run).first(length));
    next += taken;
    taken != 0 ? moves.one_more() : moves.await_more_than(seen);
  }
}

// Nothing lost, nothing twice, in order, whatever the run lengths of the two sides.
TEST_P(SpscRingTest, HandsEveryItemOverOnceAndInOrder) {
  constexpr std::uint64_t kItems = 20'000;
  for (const std::uint64_t seed : testing::seeds(3)) {
    SCOPED_TRACE(testing::named(seed));
    SpscRing<std::uint64_t> here(GetParam());
    auto [producer, consumer] = here.split();
    Moves moves;
    std::thread sender(
        [&moves, &end = producer, seed] { push_all(end, kItems, moves, testing::Chance(seed)); });
    testing::Chance chance(seed + 1000);
    std::array<std::uint64_t, 80> out{};
    for (std::uint64_t expected = 0; expected < kItems;) {
      const std::uint32_t seen = moves.so_far();
      const std::size_t got = consumer.pop(std::span(out).first(chance.between(1, 80)));
      for (const std::uint64_t item : std::span(out).first(got)) EXPECT_EQ(item, expected++);
      got != 0 ? moves.one_more() : moves.await_more_than(seen);
    }
    sender.join();
    EXPECT_EQ(consumer.available(), 0u);
  }
}

TEST(SpscRingDeathTest, HasOneProducerAndOneConsumer) {
  SpscRing<int> ring(1);
  [[maybe_unused]] const auto ends = ring.split();
  EXPECT_DEATH(static_cast<void>(ring.split()), "one producer and one consumer");
}

TEST(SpscRingDeathTest, HoldsSomething) {
  EXPECT_DEATH(SpscRing<int>(0), "a ring holds something");
}

}  // namespace
}  // namespace xylem
