// Goal    an edge hands every batch over once, frees what is left, and wakes whoever waits at
// either
//         end; a wake-up that is lost shows as a poll that runs into its limit.

#include "relay/pipeline/edge.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>

#include <cstdlib>
#include <thread>

#include "tests/doubles/batches.h"

namespace xylem {
namespace {

using testing::batch_of;

bool readable(int fd, int limit_ms) {
  pollfd wait{fd, POLLIN, 0};
  return ::poll(&wait, 1, limit_ms) == 1;
}

class EdgeTest : public ::testing::Test {
 protected:
  EdgeTest() { edge.join(producer, consumer); }
  void push() { edge.push(batch_of("a", 1).release()); }
  void pop() {
    std::array<Batch*, 1> out{};
    ASSERT_EQ(edge.pop(out), 1u);
    delete out[0];
  }
  Doorbell producer;
  Doorbell consumer;
  SourceEdge edge{"push", 2};
};

TEST_F(EdgeTest, FreesWhatNobodyTook) {
  push();
  push();
}

TEST_F(EdgeTest, WakesTheConsumerWhenTold) {
  consumer.will_sleep();
  push();
  EXPECT_FALSE(readable(consumer.fd(), 0)) << "once per cycle, not per batch";
  edge.ring_consumer();
  EXPECT_TRUE(readable(consumer.fd(), 0));
}

TEST_F(EdgeTest, HasNoRoomOnceItHoldsItsBytes) {
  SourceEdge wide{"push", 64};
  wide.join(producer, consumer);
  std::size_t bytes = 0;
  std::size_t largest = 0;
  while (wide.room() != 0) {
    auto batch = batch_of("a", 4, 100'000);
    largest = std::max(largest, batch->frame().size());
    bytes += batch->frame().size();
    wide.push(batch.release());
  }
  EXPECT_GE(bytes, kSourceEdgeBytesMax);
  EXPECT_LT(bytes, kSourceEdgeBytesMax + largest);
  producer.will_sleep();
  EXPECT_TRUE(wide.await_room(1));
  std::array<Batch*, 1> out{};
  ASSERT_EQ(wide.pop(out), 1u);
  delete out[0];
  EXPECT_TRUE(readable(producer.fd(), 0));
  EXPECT_NE(wide.room(), 0u);
}

TEST_F(EdgeTest, WakesAProducerThatWaitsForRoom) {
  push();
  push();
  producer.will_sleep();
  EXPECT_TRUE(edge.await_room(1));
  pop();
  EXPECT_TRUE(readable(producer.fd(), 0));
}

TEST_F(EdgeTest, SaysWhenThereIsRoomAfterAll) {
  push();
  EXPECT_FALSE(edge.await_room(1));
  EXPECT_TRUE(edge.await_room(2));
}

TEST_F(EdgeTest, LeavesAProducerAloneThatDoesNotWait) {
  push();
  producer.will_sleep();
  pop();
  EXPECT_FALSE(readable(producer.fd(), 0));
}

TEST_F(EdgeTest, ShowsHowFullItIs) {
  push();
  Samples samples;
  edge.sample(samples);
  ASSERT_EQ(samples.size(), 2u);
  EXPECT_EQ(samples[0].value, 1);
  EXPECT_EQ(samples[1].value, 2);
  EXPECT_EQ(samples[1].labels[0].second, "push");
}

using EdgeDeathTest = EdgeTest;
TEST_F(EdgeDeathTest, AbortsWhenPushedToWithoutRoom) {
  push();
  push();
  EXPECT_DEATH(push(), "asks for room first");
}

// XYLEM_STRESS_OPS=100000000 makes it long.
std::uint64_t stress_ops(std::uint64_t otherwise) {
  const char* wanted = std::getenv("XYLEM_STRESS_OPS");
  return wanted == nullptr ? otherwise : std::strtoull(wanted, nullptr, 10);
}

// This thread, and those that it starts, on so many of the cores that it may use.
class OnCores {
 public:
  explicit OnCores(int cores) {
    ::sched_getaffinity(0, sizeof before_, &before_);
    cpu_set_t chosen;
    CPU_ZERO(&chosen);
    for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&chosen) < cores; ++cpu) {
      if (CPU_ISSET(cpu, &before_)) CPU_SET(cpu, &chosen);
    }
    ::sched_setaffinity(0, sizeof chosen, &chosen);
  }
  ~OnCores() { ::sched_setaffinity(0, sizeof before_, &before_); }
  OnCores(const OnCores&) = delete;
  OnCores& operator=(const OnCores&) = delete;

 private:
  cpu_set_t before_;
};

struct Stress {
  int cores;
  std::size_t capacity;
  std::uint64_t ops;
};
class EdgeStress : public ::testing::TestWithParam<Stress> {};
// A ring of one: each side waits for the other at almost every batch.
INSTANTIATE_TEST_SUITE_P(Shapes, EdgeStress,
                         ::testing::Values(Stress{1, 1, 50'000}, Stress{2, 1, 50'000},
                                           Stress{1, 64, 1'000'000}, Stress{2, 64, 1'000'000}),
                         [](const auto& shape) {
                           return fmt::format("{}Cores{}Batches", shape.param.cores,
                                              shape.param.capacity);
                         });

// Both sides sleep when there is nothing to do. A wake-up that is lost shows as a poll that runs
// into its limit; what comes twice, late or never as another batch than the next.
TEST_P(EdgeStress, R1HandsOverInOrderAndLosesNoWakeUp) {
  const OnCores cores(GetParam().cores);
  const std::uint64_t ops = stress_ops(GetParam().ops);
  Doorbell producer_bell;
  Doorbell consumer_bell;
  SinkEdge edge("sink", GetParam().capacity);
  edge.join(producer_bell, consumer_bell);
  std::array<BatchRef, 61> batches;
  for (BatchRef& batch : batches) batch = testing::stamped(batch_of("a", 1), 1);
  std::atomic<bool> lost{false};
  std::thread producer([&] {
    for (std::uint64_t sent = 0; sent < ops && !lost;) {
      if (edge.room() != 0) {
        edge.push(BatchRef(batches[sent++ % batches.size()]).release());
        if (sent % 7 == 0 || edge.room() == 0 || sent == ops) edge.ring_consumer();
        continue;
      }
      producer_bell.will_sleep();
      if (edge.await_room(1) && !readable(producer_bell.fd(), 10'000)) lost = true;
      producer_bell.woke();
    }
  });
  std::uint64_t taken = 0;
  std::uint64_t wrong = 0;
  std::uint64_t slept = 0;
  while (taken < ops && !lost) {
    std::array<const Batch*, 16> out{};
    const std::size_t count = edge.pop(out);
    for (const Batch* batch : std::span(out).first(count)) {
      wrong += &*BatchRef::adopt(batch) != &*batches[taken++ % batches.size()];
    }
    if (count != 0) continue;
    consumer_bell.will_sleep();
    if (edge.empty()) {
      ++slept;
      if (!readable(consumer_bell.fd(), 10'000)) lost = true;
    }
    consumer_bell.woke();
  }
  producer.join();
  EXPECT_FALSE(lost) << "a wake-up was lost at " << taken;
  EXPECT_EQ(wrong, 0u);
  EXPECT_GT(slept, 0u) << "the premise of this run: the consumer did sleep";
}

}  // namespace
}  // namespace xylem
