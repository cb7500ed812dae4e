#include "relay/amqp/broker_url.h"

#include <gtest/gtest.h>

namespace xylem {
namespace {

TEST(BrokerUrl, SaysAllOfIt) {
  const BrokerUrl url = BrokerUrl::parse("amqps://me:s%40crt@rabbit.example:5673/jobs").value();
  EXPECT_EQ(url.host, "rabbit.example");
  EXPECT_EQ(url.port, 5673);
  EXPECT_TRUE(url.tls);
  EXPECT_EQ(url.user, "me");
  EXPECT_EQ(url.password, "s@crt");
  EXPECT_EQ(url.vhost, "jobs");
  EXPECT_EQ(url.text(), "amqps://me@rabbit.example:5673/jobs") << "and no password";
  EXPECT_FALSE(url.is_loopback());
}

TEST(BrokerUrl, HasTheBrokersDefaults) {
  const BrokerUrl url = BrokerUrl::parse("amqp://localhost").value();
  EXPECT_EQ(url.user, "guest");
  EXPECT_EQ(url.password, "guest");
  EXPECT_EQ(url.port, 5672);
  EXPECT_TRUE(url.is_loopback());
  EXPECT_EQ(BrokerUrl::parse("amqps://localhost")->port, 5671);
}

// Celery's own examples: amqp://guest@localhost// (celery/app/defaults.py).
TEST(BrokerUrl, TakesCelerysWaysToWriteTheDefaultVhost) {
  for (const char* text : {"amqp://h", "amqp://h/", "amqp://h//", "amqp://h/%2F", "amqp://h/%2f"}) {
    const auto url = BrokerUrl::parse(text);
    ASSERT_TRUE(url) << text;
    EXPECT_EQ(url->vhost, "/") << text;
  }
  EXPECT_EQ(BrokerUrl::parse("amqp://h//a")->vhost, "/a");
}

TEST(BrokerUrl, RefusesWhatIsNoneWithoutRepeatingIt) {
  for (const char* text :
       {"", "secret", "http://a:secret@h", "amqp:/h", "amqp://h:port", "amqp://a:se@cret@h:1x"}) {
    const auto url = BrokerUrl::parse(text);
    ASSERT_FALSE(url) << text;
    EXPECT_EQ(url.error().message.find("secret"), std::string::npos);
  }
}

TEST(BrokerUrl, HidesAPassword) {
  EXPECT_EQ(without_password("amqp://me:secret@h:1/v"), "amqp://me:***@h:1/v");
  EXPECT_EQ(without_password("amqp://me:se:cr@et@h/v@w"), "amqp://me:***@h/v@w");
  EXPECT_EQ(without_password("amqp://me@h:1/v"), "amqp://me@h:1/v");
  EXPECT_EQ(without_password("nothing"), "nothing");
  EXPECT_TRUE(says_password("amqp.url=amqp://me:secret@h"));
  EXPECT_FALSE(says_password("amqp://h:5672/a@b"));
}

}  // namespace
}  // namespace xylem
