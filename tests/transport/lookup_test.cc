// Goal    a name leads to the address where somebody is, whichever family that is of, and one that
//         leads nowhere is told as such.
// Method  resolvers of the test's own; sockets on loopback.

#include "relay/transport/lookup.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/doubles/sockets.h"
#include "tests/doubles/tested_engine.h"

namespace xylem {
namespace {

using testing::message_of;
using testing::send_soon;

Address address(const std::string& text) { return Address::parse(text).value(); }

Result<std::vector<std::string>> only_ipv6(const std::string&) {
  return std::vector<std::string>{"[::1]"};
}
Result<std::vector<std::string>> both(const std::string&) {
  return std::vector<std::string>{"127.0.0.1", "[::1]"};
}
Result<std::vector<std::string>> elsewhere(const std::string&) {
  return std::vector<std::string>{"192.0.2.1"};
}

class LookupTest : public ::testing::Test {
 protected:
  // A relay that listens there, and its port.
  std::string listen(const std::string& host) {
    const auto bound = pull.bind(address("tcp://" + host + ":0"));
    if (!bound) return {};
    return std::to_string(bound->port());
  }
  testing::TempDir dir;
  Context context{testing::tested_engine()};
  Socket pull{context, SocketKind::pull, {}};
};

TEST_F(LookupTest, ARelayListensByTheNameLocalhost) {
  const auto bound = pull.bind(address("tcp://localhost:0"));
  ASSERT_TRUE(bound) << bound.error().message;
  Socket push(context, SocketKind::push, {});
  ASSERT_TRUE(push.connect(address("tcp://localhost:" + std::to_string(bound->port()))));
  ASSERT_EQ(send_soon(push, {"x"}), SendOutcome::sent);
  EXPECT_EQ(message_of(pull), "x");
}

TEST_F(LookupTest, ANameWithOnlyAnIpv6AddressIsReached) {
  const std::string port = listen("[::1]");
  if (port.empty()) GTEST_SKIP() << "this machine has no IPv6 loopback";
  const auto found = look_up_to_connect(address("tcp://six.test:" + port), only_ipv6);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->text(), "tcp://six.test:" + port) << "people read what they wrote";
  EXPECT_EQ(found->endpoint(), "tcp://[::1]:" + port);
  Socket push(context, SocketKind::push, {});
  ASSERT_TRUE(push.connect(*found));
  ASSERT_EQ(send_soon(push, {"x"}), SendOutcome::sent);
  EXPECT_EQ(message_of(pull), "x");
}

TEST_F(LookupTest, OfSeveralAddressesTheOneThatAnswersIsTaken) {
  const std::string port = listen("[::1]");
  if (port.empty()) GTEST_SKIP() << "this machine has no IPv6 loopback";
  EXPECT_EQ(look_up_to_connect(address("tcp://two.test:" + port), both)->ip(), "[::1]");
}

TEST_F(LookupTest, WhereNobodyAnswersYetTheFirstIsTaken) {
  EXPECT_EQ(look_up_to_connect(address("tcp://two.test:1"), both)->ip(), "127.0.0.1");
}

TEST_F(LookupTest, ANameWithoutAnAddressIsToldWithTheResolversReason) {
  for (const auto& found : {look_up_to_connect(address("tcp://relay.invalid:7600")),
                            look_up_to_listen(address("tcp://relay.invalid:7600"))}) {
    ASSERT_FALSE(found);
    EXPECT_NE(found.error().message.find("'relay.invalid' has no address: "), std::string::npos)
        << found.error().message;
  }
}

TEST_F(LookupTest, NothingListensOnAnAddressOfAnotherMachine) {
  for (const auto& found : {look_up_to_listen(address("tcp://192.0.2.1:7600")),
                            look_up_to_listen(address("tcp://far.test:7600"), elsewhere)}) {
    ASSERT_FALSE(found);
    EXPECT_NE(found.error().message.find("is no address of this machine"), std::string::npos);
  }
}

TEST_F(LookupTest, WhatIsNoNameStaysAsItIs) {
  for (const char* text : {"tcp://127.0.0.1:0", "tcp://*:0", "tcp://lo:0", "ipc:///nowhere/at/all",
                           "http://127.0.0.1:0"}) {
    const auto found = look_up_to_listen(address(text));
    ASSERT_TRUE(found) << text << ": " << found.error().message;
    EXPECT_EQ(found->endpoint(), text);
  }
}

TEST_F(LookupTest, OnePlaceHasManySpellings) {
  const auto same = [](const std::string& a, const std::string& b) {
    return same_place(look_up_to_listen(address(a)).value(), look_up_to_listen(address(b)).value());
  };
  EXPECT_TRUE(same("tcp://127.0.0.1:1", "http://localhost:1"));
  EXPECT_TRUE(same("tcp://*:1", "tcp://127.0.0.1:1"));
  EXPECT_TRUE(same("tcp://127.0.0.1:1", "tcp://0.0.0.0:1"));
  EXPECT_TRUE(same("tcp://lo:1", "tcp://127.0.0.1:1"));
  EXPECT_TRUE(same("ipc:///tmp/a", "ipc:///tmp//./a"));
  EXPECT_FALSE(same("tcp://127.0.0.1:1", "tcp://127.0.0.1:2"));
  EXPECT_FALSE(same("tcp://127.0.0.1:1", "tcp://127.0.0.2:1"));
  EXPECT_FALSE(same("tcp://*:0", "tcp://*:0")) << "the system chooses two";
  EXPECT_FALSE(same("ipc:///tmp/a", "tcp://127.0.0.1:1"));
}

TEST_F(LookupTest, AFileIsTheSameThroughALink) {
  std::filesystem::create_directory_symlink(dir.path(), dir.path() + "/link");
  EXPECT_TRUE(same_place(dir.ipc("a"), address("ipc://" + dir.path() + "/link/a")));
}

TEST_F(LookupTest, ANameLeadsToWhoListensAtOneOfItsAddresses) {
  EXPECT_TRUE(leads_to(address("tcp://two.test:1"), address("tcp://127.0.0.1:1"), both));
  EXPECT_TRUE(leads_to(address("tcp://two.test:1"), address("tcp://*:1"), both));
  EXPECT_FALSE(leads_to(address("tcp://far.test:1"), address("tcp://*:1"), elsewhere));
  EXPECT_FALSE(leads_to(address("tcp://two.test:2"), address("tcp://127.0.0.1:1"), both));
}

TEST_F(LookupTest, AKnockTellsWhetherAnybodyIsThereAndWhyNot) {
  EXPECT_TRUE(knock(address("tcp://127.0.0.1:" + listen("127.0.0.1"))));
  EXPECT_EQ(knock(address("tcp://127.0.0.1:1")).error().message, "Connection refused");
  EXPECT_EQ(knock(dir.ipc("nobody")).error().message, "No such file or directory");
  ASSERT_TRUE(pull.bind(dir.ipc("push")));
  EXPECT_TRUE(knock(dir.ipc("push")));
}

}  // namespace
}  // namespace xylem
