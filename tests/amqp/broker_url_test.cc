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

// kombu/connection.py: Connection.hostname.
TEST(BrokerUrl, IsOfThisMachineIfItNamesNoHost) {
  const std::pair<const char*, const char*> all[] = {
      {"amqp://", "amqp://guest@localhost:5672/"},
      {"amqp:///v", "amqp://guest@localhost:5672/v"},
      {"amqp://me@/v", "amqp://me@localhost:5672/v"},
      {"amqp://me:pw@:5673", "amqp://me@localhost:5673/"}};
  for (const auto& [text, meant] : all) {
    const auto url = BrokerUrl::parse(text);
    ASSERT_TRUE(url) << text << ": " << url.error().message;
    EXPECT_EQ(url->text(), meant);
  }
}

// kombu/utils/url.py, kombu/transport/__init__.py.
TEST(BrokerUrl, TakesCelerysSchemesAndWhatAFileEndsIn) {
  for (const char* text : {"pyamqp://me:pw@h//", "AMQP://me:pw@h", "librabbitmq://me:pw@h//",
                           " amqp://me:pw@h\n", "\tamqp://me:pw@h:/\r\n"}) {
    const auto url = BrokerUrl::parse(text);
    ASSERT_TRUE(url) << text << ": " << url.error().message;
    EXPECT_EQ(url->text(), "amqp://me@h:5672/") << text;
    EXPECT_EQ(url->password, "pw") << text;
  }
  EXPECT_EQ(BrokerUrl::parse("amqp://:pw@h")->user, "guest");
  EXPECT_EQ(BrokerUrl::parse("amqp://me:@h")->password, "");
  EXPECT_EQ(BrokerUrl::parse("amqp://me:p:w@x@h")->password, "p:w@x");
  EXPECT_EQ(BrokerUrl::parse("amqp://h/a%2Fb%20c")->vhost, "a/b c");
  EXPECT_EQ(BrokerUrl::parse("amqp://h/a/b")->vhost, "a/b");
  EXPECT_EQ(BrokerUrl::parse("amqp://[::1]:5673/v")->host, "::1");
  EXPECT_EQ(BrokerUrl::parse("amqp://[::1]:5673/v")->port, 5673);
  EXPECT_EQ(BrokerUrl::parse("amqp://my_broker.svc:5673")->host, "my_broker.svc");
}

// https://www.rabbitmq.com/uri-query-parameters.html
TEST(BrokerUrl, TakesRabbitMQsParameters) {
  const BrokerUrl url =
      BrokerUrl::parse(
          "amqps://h//?heartbeat=30&connection_timeout=2500&verify=verify_none&"
          "cacertfile=%2Fca.pem&certfile=/c.pem&keyfile=/k.pem&"
          "server_name_indication=rabbit.example&auth_mechanism=plain&channel_max=7&")
          .value();
  EXPECT_EQ(url.vhost, "/");
  EXPECT_EQ(url.heartbeat, std::chrono::seconds(30));
  EXPECT_EQ(url.connection_timeout, std::chrono::milliseconds(2500));
  EXPECT_EQ(url.verify, false);
  EXPECT_EQ(url.ca_file + url.cert_file + url.key_file, "/ca.pem/c.pem/k.pem");
  EXPECT_EQ(url.server_name, "rabbit.example");
  EXPECT_EQ(BrokerUrl::parse("amqp://h?heartbeat=30")->heartbeat, std::chrono::seconds(30));
  EXPECT_FALSE(BrokerUrl::parse("amqp://h/?")->heartbeat);
}

TEST(BrokerUrl, SaysWhichPartIsWrongAndRepeatsNoPassword) {
  const std::pair<const char*, const char*> all[] = {
      {"", "has no scheme; write amqp://"},
      {"secret", "has no scheme"},
      {"amqp:/h", "has no scheme"},
      {"http://a:secret@h", "its scheme 'http' is none of amqp, amqps, pyamqp"},
      {"amqp://h:port", "its port is no number from 1 to 65535"},
      {"amqp://h:0", "its port"},
      {"amqp://h:65536", "its port"},
      {"amqp://a:se@cret@h:1x", "its port"},
      {"amqp://a:secret/x@h", "in a user or password write %40 for @, %3A for :, %2F for /"},
      {"amqp://a:secret#x@h", "has a #"},
      {"amqp://a:secret%zz@h", "its password has a % that two hex digits do not follow"},
      {"amqp://a:secret%1@h", "its password has a %"},
      {"amqp://a:secret%00@h", "its password has a %"},
      {"amqp://a%x:secret@h", "its user has a %"},
      {"amqp://h/%", "its vhost has a %"},
      {"amqp://a:secret@h:1,i:2", "names several brokers"},
      {"amqp://a:secret@h<", "its host has a character"},
      {"amqp://[::1", "IPv6"},
      {"amqp://[h]", "IPv6"},
      {"amqp://a:sec ret@h", "has a blank"},
      {"amqp://a:secret@h//;amqp://a:secret@i//", "names several brokers"},
      {"amqp://h?heartbeat=x", "its heartbeat must be from 5 to 65535 seconds"},
      {"amqp://h?heartbeat=0", "its heartbeat must be"},
      {"amqp://h?connection_timeout=5", "its connection_timeout must be"},
      {"amqp://h?verify=secret", "its verify is neither"},
      {"amqp://h?auth_mechanism=external", "its auth_mechanism is not plain"},
      {"amqp://h?ssl=secret", "its parameter 'ssl' is not one that a bridge knows: heartbeat"}};
  for (const auto& [text, what] : all) {
    const auto url = BrokerUrl::parse(text);
    ASSERT_FALSE(url) << text;
    EXPECT_NE(url.error().message.find(what), std::string::npos) << url.error().message;
    EXPECT_EQ(url.error().message.find("secret"), std::string::npos) << url.error().message;
  }
  EXPECT_FALSE(BrokerUrl::parse("amqp://h/" + std::string(256, 'v')));
}

TEST(BrokerUrl, KnowsWhatIsOnThisMachineByItsAddress) {
  for (const char* text : {"amqp://localhost", "amqp://127.0.0.9", "amqp://[::1]"}) {
    EXPECT_TRUE(BrokerUrl::parse(text)->is_loopback()) << text;
  }
  for (const char* text : {"amqp://127.example.com", "amqp://localhost.example", "amqp://[::2]"}) {
    EXPECT_FALSE(BrokerUrl::parse(text)->is_loopback()) << text;
  }
}

TEST(BrokerUrl, HidesAPassword) {
  EXPECT_EQ(without_password("amqp://me:secret@h:1/v"), "amqp://me:***@h:1/v");
  EXPECT_EQ(without_password("amqp://me:se:cr@et@h/v@w"), "amqp://me:***@h/v@w");
  EXPECT_EQ(without_password("amqp://me@h:1/v"), "amqp://me@h:1/v");
  EXPECT_EQ(without_password("nothing"), "nothing");
  EXPECT_EQ(without_password("amqp://me:se/cr@et@h"), "amqp://me:***@h") << "not even a wrong one";
  EXPECT_TRUE(says_password("amqp.url=amqp://me:secret@h"));
  EXPECT_FALSE(says_password("amqp://h:5672/a@b"));
}

}  // namespace
}  // namespace xylem
