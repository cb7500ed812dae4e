#include "relay/agent/service_thread.h"

#include <gtest/gtest.h>
#include <pthread.h>

namespace xylem {
namespace {

TEST(ServiceThread, RunsItsLoopUntilItReturnsAndIsJoined) {
  int turns = 0;
  ServiceThread thread("http", [&] { ++turns; });
  thread.join();
  thread.join();
  EXPECT_EQ(turns, 1);
}

TEST(ServiceThread, JoinsAtOnceWhenItWasNeverStarted) {
  ServiceThread thread;
  thread.join();
}

}  // namespace
}  // namespace xylem
