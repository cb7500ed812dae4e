// Goal    a call to a broker that takes nothing is ended, and no other.
// Method  a real pair of sockets, a clock of the test's own.

#include "relay/amqp/broker_pulse.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <optional>

#include "tests/doubles/manual_clock.h"

namespace xylem {
namespace {

using std::chrono::seconds;

class BrokerPulseTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
    pulse.watch(ends[0]);
  }
  void TearDown() override {
    for (const int end : ends) ::close(end);
  }
  bool is_shut() {
    char byte = 0;
    return ::recv(ends[0], &byte, 1, MSG_DONTWAIT) == 0;
  }
  testing::ManualClock clock;
  BrokerPulse pulse{clock};
  std::array<int, 2> ends{};
};

TEST_F(BrokerPulseTest, LetsACallTakeItsTime) {
  const BrokerPulse::Call call(pulse);
  clock.advance(seconds(9));
  EXPECT_FALSE(pulse.end_if_stuck(seconds(10)));
  EXPECT_FALSE(is_shut());
}

TEST_F(BrokerPulseTest, EndsOneThatLastsTooLong) {
  const BrokerPulse::Call call(pulse);
  clock.advance(seconds(10));
  EXPECT_TRUE(pulse.end_if_stuck(seconds(10)));
  EXPECT_TRUE(is_shut());
}

TEST_F(BrokerPulseTest, LeavesASocketAloneBetweenCalls) {
  { const BrokerPulse::Call call(pulse); }
  clock.advance(seconds(3600));
  EXPECT_FALSE(pulse.end_if_stuck(seconds(10)));
  EXPECT_FALSE(is_shut());
}

TEST_F(BrokerPulseTest, TouchesNoSocketThatIsGone) {
  pulse.watch(-1);
  const BrokerPulse::Call call(pulse);
  clock.advance(seconds(10));
  EXPECT_FALSE(pulse.end_if_stuck(seconds(10)));
  EXPECT_FALSE(is_shut());
}

}  // namespace
}  // namespace xylem
