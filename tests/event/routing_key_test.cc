#include "relay/event/routing_key.h"

#include <gtest/gtest.h>

#include "relay/base/limits.h"

namespace xylem {
namespace {

TEST(RoutingKey, IsTheTypeWithEveryDashTurnedIntoADot) {
  EXPECT_EQ(key_of_type("worker-heartbeat"), "worker.heartbeat");
  EXPECT_EQ(key_of_type("worker-elect-ack"), "worker.elect.ack");
  EXPECT_EQ(key_of_type("custom-my-event"), "custom.my.event");
  EXPECT_EQ(key_of_type("already.dotted"), "already.dotted");
  EXPECT_EQ(key_of_type(""), "");
}

TEST(RoutingKey, IsAppendedWithoutTouchingWhatStandsBefore) {
  std::string text = "a-b ";
  append_key_of_type("c-d", text);
  EXPECT_EQ(text, "a-b c.d");
}

TEST(RoutingKey, IsComparedWithATypeAsIfMadeFromIt) {
  EXPECT_TRUE(key_is_of_type("task.failed", "task-failed"));
  EXPECT_TRUE(key_is_of_type("task.failed", "task.failed"));
  EXPECT_FALSE(key_is_of_type("task-failed", "task-failed"));
  EXPECT_FALSE(key_is_of_type("task.faile", "task-failed"));
  EXPECT_FALSE(key_is_of_type("task.failed", "task-faile"));
}

TEST(RoutingKey, HasBytesUpToItsLimit) {
  EXPECT_FALSE(is_routing_key(""));
  EXPECT_TRUE(is_routing_key("a"));
  EXPECT_TRUE(is_routing_key(std::string(kRoutingKeyBytesMax, 'a')));
  EXPECT_FALSE(is_routing_key(std::string(kRoutingKeyBytesMax + 1, 'a')));
}

TEST(RoutingKey, HasNoControlCharacters) {
  EXPECT_FALSE(is_routing_key(std::string_view("a\0b", 3)));
  EXPECT_FALSE(is_routing_key("a\nb"));
  EXPECT_FALSE(is_routing_key("a\x1f"));
  EXPECT_FALSE(is_routing_key("a\x7f"));
  EXPECT_TRUE(is_routing_key("a b"));
  EXPECT_TRUE(is_routing_key("\xc3\xa9v\xc3\xa9nement"));
}

}  // namespace
}  // namespace xylem
