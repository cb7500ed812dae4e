#include "relay/zmtp/socket_type.h"

#include <gtest/gtest.h>

namespace xylem::zmtp {
namespace {

using enum SocketType;
constexpr SocketType kAll[] = {pair, pub, sub, req, rep, dealer, router, pull, push, xpub, xsub};

TEST(SocketType, IsFoundByItsNameWhoseCaseCounts) {
  for (const SocketType type : kAll) EXPECT_EQ(socket_type_of(name_of(type)), type);
  EXPECT_FALSE(socket_type_of("push"));
  EXPECT_FALSE(socket_type_of(""));
}

TEST(SocketType, MakesAPairEitherWayRound) {
  for (const SocketType one : kAll) {
    for (const SocketType other : kAll) EXPECT_EQ(make_a_pair(one, other), make_a_pair(other, one));
  }
}

TEST(SocketType, IsMetByThoseThatLibzmqLetsMeetIt) {
  const auto friends = [](SocketType type) {
    std::size_t count = 0;
    for (const SocketType other : kAll) count += make_a_pair(type, other);
    return count;
  };
  EXPECT_TRUE(make_a_pair(push, pull));
  EXPECT_EQ(friends(push), 1u);
  EXPECT_EQ(friends(pull), 1u);
  EXPECT_TRUE(make_a_pair(xpub, sub) && make_a_pair(xpub, xsub));
  EXPECT_EQ(friends(xpub), 2u);
  EXPECT_TRUE(make_a_pair(router, dealer) && make_a_pair(router, req) &&
              make_a_pair(router, router));
  EXPECT_EQ(friends(router), 3u);
  EXPECT_TRUE(make_a_pair(dealer, rep));
  EXPECT_EQ(friends(dealer), 3u);
  EXPECT_EQ(friends(pair), 1u);
}

}  // namespace
}  // namespace xylem::zmtp
