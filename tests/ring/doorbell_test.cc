// Goal    a thread that sleeps on a doorbell is woken by every ring, and by nothing else.
// Method  a million hand-overs between two threads, whose pauses come from a seed; a lost ring
// shows
//         as a poll that runs into its limit.

#include "relay/ring/doorbell.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "tests/doubles/chance.h"

namespace xylem {
namespace {

// True if poll(2) says so within `limit_ms`.
bool readable(int fd, int limit_ms) {
  pollfd wait{fd, POLLIN, 0};
  return ::poll(&wait, 1, limit_ms) == 1;
}

TEST(Doorbell, IsSilentWhileItsOwnerIsAwake) {
  Doorbell bell;
  bell.ring();
  bell.ring();
  EXPECT_FALSE(readable(bell.fd(), 0));
}

TEST(Doorbell, WakesAnOwnerWhoSleeps) {
  Doorbell bell;
  bell.will_sleep();
  EXPECT_FALSE(readable(bell.fd(), 0));
  bell.ring();
  EXPECT_TRUE(readable(bell.fd(), 0));
  bell.woke();
  EXPECT_FALSE(readable(bell.fd(), 0));
}

TEST(Doorbell, WakesOnceHoweverOftenItRings) {
  Doorbell bell;
  bell.will_sleep();
  for (int i = 0; i < 100; ++i) bell.ring();
  bell.woke();
  bell.will_sleep();
  EXPECT_FALSE(readable(bell.fd(), 0));
}

TEST(Doorbell, ForgetsASleepThatNobodyDisturbed) {
  Doorbell bell;
  bell.will_sleep();
  bell.woke();
  bell.ring();
  EXPECT_FALSE(readable(bell.fd(), 0));
}

// A ringer can be held up between its word and its write, while the owner wakes for another reason.
// The write that then comes late may wake the owner once, but must not keep it from ever sleeping.
TEST(Doorbell, TakesALateWriteOffBeforeItSleepsAgain) {
  Doorbell bell;
  bell.will_sleep();
  bell.ring();
  std::uint64_t held_up = 0;
  ASSERT_EQ(::read(bell.fd(), &held_up, sizeof held_up), 8);
  bell.woke();
  ASSERT_EQ(::write(bell.fd(), &held_up, sizeof held_up), 8);
  bell.will_sleep();
  EXPECT_TRUE(readable(bell.fd(), 0));
  bell.woke();
  bell.will_sleep();
  EXPECT_FALSE(readable(bell.fd(), 0));
}

// What a ring and a bell do together: say that there is more, then ring.
struct HandOver {
  Doorbell bell;
  std::atomic<std::uint64_t> there{0};
  std::uint64_t taken = 0;
  std::uint64_t slept = 0;

  bool take_next() {
    const std::uint64_t seen = there.load(std::memory_order_acquire);
    if (seen != taken) {
      taken = seen;
      return true;
    }
    bell.will_sleep();
    bool woken = true;
    if (there.load(std::memory_order_acquire) == taken) {
      ++slept;
      woken = readable(bell.fd(), 20'000);
    }
    bell.woke();
    return woken;
  }
};

TEST(Doorbell, LosesNoWakeUpInAMillionCycles) {
  constexpr std::uint64_t kCycles = 1'000'000;
  for (const std::uint64_t seed : testing::seeds(1)) {
    SCOPED_TRACE(testing::named(seed));
    HandOver over;
    std::thread ringer([&] {
      testing::Chance chance(seed);
      std::atomic<std::uint64_t> pause{0};
      for (std::uint64_t i = 1; i <= kCycles; ++i) {
        over.there.store(i, std::memory_order_release);
        over.bell.ring();
        for (std::size_t n = chance.below(40); n > 0; --n) pause.fetch_add(1);
      }
    });
    bool woken = true;
    while (woken && over.taken < kCycles) woken = over.take_next();
    EXPECT_TRUE(woken) << "a wake-up was lost at " << over.taken;
    ringer.join();
    EXPECT_GT(over.slept, 100u) << "the premise of this run: the owner did sleep";
    over.bell.will_sleep();
    over.bell.woke();
    EXPECT_FALSE(readable(over.bell.fd(), 0));
  }
}

}  // namespace
}  // namespace xylem
