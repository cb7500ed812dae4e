#include "relay/amqp/control_broadcast.h"

#include <gtest/gtest.h>

namespace xylem {
namespace {

// As kombu.pidbox.Mailbox writes it.
TEST(ControlBroadcast, IsWhatKombusMailboxSends) {
  EXPECT_EQ(control_body(ControlCommand::heartbeat, {}),
            R"({"method":"heartbeat","arguments":{},"destination":null,"pattern":null,)"
            R"("matcher":null})");
  EXPECT_EQ(control_body(ControlCommand::enable_events, {"celery@a", "celery@b"}),
            R"({"method":"enable_events","arguments":{},"destination":["celery@a","celery@b"],)"
            R"("pattern":null,"matcher":null})");
}

TEST(ControlBroadcast, KnowsItsWords) {
  EXPECT_EQ(parse_control_command("heartbeat").value(), ControlCommand::heartbeat);
  EXPECT_EQ(parse_control_command("enable_events").value(), ControlCommand::enable_events);
  EXPECT_EQ(parse_control_command("shutdown").error().message,
            "'shutdown' is not one of heartbeat, enable_events");
}

}  // namespace
}  // namespace xylem
