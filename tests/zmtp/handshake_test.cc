#include "relay/zmtp/handshake.h"

#include <gtest/gtest.h>

#include "tests/zmtp/wire.h"

namespace xylem::zmtp {
namespace {

using State = Handshake::State;
using testing::octets_of;
using testing::wire;

// libzmq 4.3.4 without identity, up to the mechanism.
const std::string kSignature = wire("FF 00 00 00 00 00 00 00 01 7F");
std::string greeting(std::string_view version, std::string_view mechanism) {
  std::string octets = kSignature + wire(version) + std::string(mechanism);
  octets.resize(kGreetingBytes, '\0');
  return octets;
}
const std::string kGreeting = greeting("03 01", "NULL");
const std::string kReady = wire("04 1A 05 \"READY\" 0B \"Socket-Type\" 00 00 00 04 \"PUSH\"");

Handshake after(const std::string& octets, SocketType ours = SocketType::pull) {
  Handshake handshake(ours);
  static_cast<void>(handshake.take(octets_of(octets)));
  return handshake;
}
void expect_refused(const std::string& octets, Violation why) {
  const Handshake handshake = after(octets);
  ASSERT_EQ(handshake.state(), State::refused);
  EXPECT_EQ(name_of(handshake.violation()), name_of(why));
}

TEST(Handshake, OpensAsLibzmqDoesAndWithReadyAtOnce) {
  EXPECT_EQ(Handshake::opening(SocketType::push, ""), kGreeting + kReady);
}

TEST(Handshake, IsOverWithReadyAndLeavesWhatIsBehind) {
  Handshake handshake(SocketType::pull);
  const std::string octets = kGreeting + kReady + wire("00 01 \"x\"");
  EXPECT_EQ(handshake.take(octets_of(octets)), octets.size() - 3);
  ASSERT_EQ(handshake.state(), State::connected);
  EXPECT_EQ(handshake.peer().type, SocketType::push);
  EXPECT_EQ(handshake.peer().minor, 1);
}

TEST(Handshake, TakesItInPiecesOfAnOctet) {
  Handshake handshake(SocketType::pull);
  for (const char octet : kGreeting + kReady) {
    ASSERT_EQ(handshake.state(), State::unfinished);
    EXPECT_EQ(handshake.take(octets_of(std::string_view(&octet, 1))), 1u);
  }
  EXPECT_EQ(handshake.state(), State::connected);
}

TEST(Handshake, TakesEveryVersionFrom3On) {
  EXPECT_EQ(after(greeting("03 00", "NULL") + kReady).peer().minor, 0);
  EXPECT_EQ(after(greeting("03 02", "NULL") + kReady).peer().minor, 2);
  EXPECT_EQ(after(greeting("04 00", "NULL") + kReady).peer().minor, 1) << "it speaks ours to us";
  expect_refused(greeting("01 00", ""), Violation::old_version);
  expect_refused(greeting("00 00", ""), Violation::old_version);
}

TEST(Handshake, NeverLooksAtThePadding) {
  std::string octets = kGreeting + kReady;
  for (std::size_t i = 1; i < 9; ++i) octets[i] = '\x55';
  for (std::size_t i = 32; i < kGreetingBytes; ++i) octets[i] = '\x55';
  EXPECT_EQ(after(octets).state(), State::connected);
}

TEST(Handshake, TellsOtherProtocolsByTheFirstOctetsThatDiffer) {
  expect_refused("G", Violation::not_zmtp);
  expect_refused("\x16", Violation::not_zmtp);
  expect_refused(wire("FF 00 00 00 00 00 00 00 01 7E"), Violation::not_zmtp);
  expect_refused(greeting("03 01", "CURVE"), Violation::other_mechanism);
  expect_refused(greeting("03 01", "null"), Violation::other_mechanism);
  expect_refused(greeting("03 01", "NULLX"), Violation::other_mechanism);
}

TEST(Handshake, TakesNothingButOneReadyOfTheRightType) {
  const auto with = [](std::string_view page) { return kGreeting + wire(page); };
  expect_refused(with("04 19 05 \"READY\" 0B \"Socket-Type\" 00 00 00 03 \"SUB\""),
                 Violation::wrong_socket_type);
  expect_refused(with("04 05 04 \"PING\""), Violation::malformed_command);
  expect_refused(with("04 07 04 \"PING\" 00 00"), Violation::unexpected_in_handshake);
  expect_refused(with("04 0A 09 \"SUBSCRIBE\""), Violation::unexpected_in_handshake);
  expect_refused(with("04 07 05 \"ERROR\" 00"), Violation::unexpected_in_handshake);
  expect_refused(with("00 01"), Violation::unexpected_in_handshake);
  expect_refused(with("08"), Violation::reserved_flags);
  expect_refused(with("06 00 00 00 00 00 00 10 01"), Violation::handshake_too_large);
}

TEST(Handshake, KeepsAnIdentity) {
  const std::string dealer = wire(
      "04 2C 05 \"READY\" 0B \"Socket-Type\" 00 00 00 06 \"DEALER\""
      " 08 \"Identity\" 00 00 00 03 \"me!\"");
  const Handshake handshake = after(kGreeting + dealer, SocketType::router);
  ASSERT_EQ(handshake.state(), State::connected);
  EXPECT_EQ(handshake.peer().identity, "me!");
}

}  // namespace
}  // namespace xylem::zmtp
