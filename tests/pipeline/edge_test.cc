// Goal    an edge hands every batch over once, frees what is left, and wakes whoever waits at
// either
//         end; a wake-up that is lost shows as a poll that runs into its limit.

#include "relay/pipeline/edge.h"

#include <gtest/gtest.h>
#include <poll.h>

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

// A ring of one: each side waits for the other at almost every batch.
TEST(Edge, LosesNoWakeUpOfEitherSide) {
  constexpr int kBatches = 50'000;
  Doorbell producer_bell;
  Doorbell consumer_bell;
  SinkEdge edge("sink", 1);
  edge.join(producer_bell, consumer_bell);
  const BatchRef batch = testing::stamped(batch_of("a", 1), 1);
  std::atomic<bool> lost{false};
  std::thread producer([&] {
    for (int sent = 0; sent < kBatches && !lost;) {
      if (edge.room() != 0) {
        edge.push(BatchRef(batch).release());
        edge.ring_consumer();
        ++sent;
        continue;
      }
      producer_bell.will_sleep();
      if (edge.await_room(1) && !readable(producer_bell.fd(), 10'000)) lost = true;
      producer_bell.woke();
    }
  });
  for (int taken = 0; taken < kBatches && !lost;) {
    std::array<const Batch*, 1> out{};
    if (edge.pop(out) == 1) {
      const BatchRef mine = BatchRef::adopt(out[0]);
      ++taken;
      continue;
    }
    consumer_bell.will_sleep();
    if (edge.empty() && !readable(consumer_bell.fd(), 10'000)) lost = true;
    consumer_bell.woke();
  }
  producer.join();
  EXPECT_FALSE(lost);
}

}  // namespace
}  // namespace xylem
