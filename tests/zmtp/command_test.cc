#include "relay/zmtp/command.h"

#include <gtest/gtest.h>

#include "tests/zmtp/wire.h"

namespace xylem::zmtp {
namespace {

using testing::octets_of;
using testing::wire;

// The body of the one short command frame in `frame`.
std::string body_of(const std::string& frame) { return frame.substr(2); }

auto read(const std::string& body) { return read_command(octets_of(body)); }
Violation violation_of(const std::string& body) {
  const auto command = read(body);
  EXPECT_FALSE(command.has_value());
  return command ? Violation{} : command.error();
}

// Byte for byte what libzmq 4.3.4 sends.
TEST(Command, ReadyIsWhatLibzmqSends) {
  std::string out;
  write_ready(out, SocketType::push, "ignored");
  EXPECT_EQ(out, wire("04 1A 05 \"READY\" 0B \"Socket-Type\" 00 00 00 04 \"PUSH\""));
  out.clear();
  write_ready(out, SocketType::dealer, "");
  EXPECT_EQ(out, wire("04 29 05 \"READY\" 0B \"Socket-Type\" 00 00 00 06 \"DEALER\""
                      " 08 \"Identity\" 00 00 00 00"));
}

TEST(Command, ReadyIsReadInAnyCaseAndWithPropertiesOfOthers) {
  const std::string body = wire(
      "05 \"READY\" 06 \"X-Name\" 00 00 00 02 \"me\""
      " 08 \"IDENTITY\" 00 00 00 03 \"abc\""
      " 0B \"socket-type\" 00 00 00 03 \"SUB\"");
  const auto command = read(body);
  ASSERT_TRUE(command);
  EXPECT_EQ(std::get<Ready>(*command).type, SocketType::sub);
  EXPECT_EQ(std::get<Ready>(*command).identity, "abc");
}

TEST(Command, ReadyWithoutASocketTypeIsTakenAsLibzmqTakesIt) {
  const auto command = read(wire("05 \"READY\""));
  ASSERT_TRUE(command);
  EXPECT_FALSE(std::get<Ready>(*command).type);
}

TEST(Command, ReadyIsRefusedForWhatIsBrokenInIt) {
  EXPECT_EQ(violation_of(wire("05 \"READY\" 0B \"Socket-Type\" 00 00 00 04 \"push\"")),
            Violation::wrong_socket_type);
  EXPECT_EQ(violation_of(wire("05 \"READY\" 0B \"Socket-Type\" 00 00 00 09 \"PUSH\"")),
            Violation::malformed_ready)
      << "longer than what follows";
  EXPECT_EQ(violation_of(wire("05 \"READY\" 0B \"Socket-Type\" 00 00 00 04 \"PUSH\" 00")),
            Violation::malformed_ready)
      << "an octet behind";
  EXPECT_EQ(violation_of(wire("05 \"READY\" 08 \"Identity\" 00 00 00 02 00 41")),
            Violation::bad_identity)
      << "as those that a ROUTER makes";
  EXPECT_EQ(violation_of(wire("05 \"READY\" 08 \"Identity\" 00 00 01 00") + std::string(256, 'x')),
            Violation::bad_identity);
}

TEST(Command, SubscriptionsAreReadAsTheyAreWritten) {
  std::string out;
  write_subscription(out, true, "task.");
  EXPECT_EQ(out, wire("04 0F 09 \"SUBSCRIBE\" \"task.\""));
  EXPECT_EQ(std::get<Subscribe>(*read(body_of(out))).prefix, "task.");
  out.clear();
  write_subscription(out, false, "");
  EXPECT_EQ(out, wire("04 07 06 \"CANCEL\""));
  EXPECT_EQ(std::get<Cancel>(*read(body_of(out))).prefix, "");
  out.clear();
  write_old_subscription(out, true, "task.");
  EXPECT_EQ(out, wire("00 06 01 \"task.\""));
}

TEST(Command, PingIsAnsweredWithItsContext) {
  std::string out;
  write_ping(out, 300);
  EXPECT_EQ(out, wire("04 07 04 \"PING\" 01 2C"));
  const auto ping = read(wire("04 \"PING\" 01 2C \"hello\""));
  EXPECT_EQ(std::get<Ping>(*ping).ttl_tenths, 300);
  EXPECT_EQ(std::get<Ping>(*ping).context, "hello");
  out.clear();
  write_pong(out, "hello");
  EXPECT_EQ(out, wire("04 0A 04 \"PONG\" \"hello\""));
  EXPECT_TRUE(std::holds_alternative<Pong>(*read(body_of(out))));
}

// libzmq 4.3.4 subtracts below zero here, and answers with what lies in its heap.
TEST(Command, PingWithoutItsTtlIsMalformed) {
  EXPECT_EQ(violation_of(wire("04 \"PING\"")), Violation::malformed_command);
  EXPECT_EQ(violation_of(wire("04 \"PING\" 00")), Violation::malformed_command);
  EXPECT_EQ(violation_of(wire("04 \"PING\" 00 00") + std::string(17, 'x')),
            Violation::malformed_command);
  EXPECT_TRUE(read(wire("04 \"PING\" 00 00") + std::string(16, 'x')));
}

TEST(Command, UnknownOnesAreTakenAndNamelessOnesRefused) {
  EXPECT_TRUE(std::holds_alternative<OtherCommand>(*read(wire("05 \"ERROR\" 03 \"300\""))));
  EXPECT_TRUE(std::holds_alternative<OtherCommand>(*read(wire("00"))));
  EXPECT_EQ(violation_of(""), Violation::malformed_command);
  EXPECT_EQ(violation_of(wire("05 \"PIN\"")), Violation::malformed_command);
}

}  // namespace
}  // namespace xylem::zmtp
