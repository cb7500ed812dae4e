#include "relay/amqp/broker_link.h"

#include <gtest/gtest.h>

#include "tests/doubles/manual_clock.h"

namespace xylem {
namespace {

using std::chrono::milliseconds;

TEST(BrokerLink, WaitsLongerAfterEveryFailureButNeverLong) {
  EXPECT_EQ(BrokerLink::back_off(1), milliseconds(250));
  EXPECT_EQ(BrokerLink::back_off(2), milliseconds(500));
  EXPECT_EQ(BrokerLink::back_off(4), milliseconds(2000));
  EXPECT_EQ(BrokerLink::back_off(5), milliseconds(3000));
  EXPECT_EQ(BrokerLink::back_off(1'000'000), milliseconds(3000));
}

BrokerOptions nobody() {
  BrokerOptions options;
  options.url = BrokerUrl::parse("amqp://me:secret@127.0.0.1:1").value();
  return options;
}

TEST(BrokerLink, SaysWhyItIsNotThereAndTriesAgainWhenItIsDue) {
  testing::ManualClock clock;
  BrokerLink link(nobody(), "sink", clock, 1);
  EXPECT_EQ(link.trouble(), "is not connected yet");
  const auto tries = [&] {
    Samples samples;
    link.sample(samples);
    for (const Sample& sample : samples) {
      if (sample.metric == Metric::amqp_failures) return static_cast<int>(sample.value);
    }
    return -1;
  };
  const BrokerLink::Prepare never = [](BrokerConnection&) { return Result<void>(); };
  EXPECT_EQ(link.connect_if_due(clock.now(), never), nullptr);
  EXPECT_NE(link.trouble().find("amqp://me@127.0.0.1:1/: cannot connect"), std::string::npos)
      << link.trouble();
  EXPECT_EQ(tries(), 1);
  EXPECT_EQ(link.connect_if_due(clock.now(), never), nullptr);
  EXPECT_EQ(tries(), 1) << "not before it is due";
  clock.advance(milliseconds(250));
  EXPECT_EQ(link.connect_if_due(clock.now(), never), nullptr);
  EXPECT_EQ(tries(), 2);
}

TEST(BrokerLink, SaysTheWorstOfWhatIsWrong) {
  testing::ManualClock clock;
  BrokerLink link(nobody(), "sink", clock, 1);
  link.set_blocked("low on memory");
  EXPECT_TRUE(link.blocked());
  EXPECT_EQ(link.trouble(), "the broker takes no messages: low on memory");
  link.set_blocked("");
  EXPECT_FALSE(link.blocked());
  link.set_complaint("it refuses some");
  EXPECT_EQ(link.trouble(), "is not connected yet");
}

}  // namespace
}  // namespace xylem
