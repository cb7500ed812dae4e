// Goal    a host is found, or it is said why not, and nobody waits for longer than he wants.
// Method  names that need no name server; tests/bridge has one that does not answer.

#include "relay/amqp/host_lookup.h"

#include <gtest/gtest.h>

namespace xylem {
namespace {

constexpr Duration kPatience = std::chrono::seconds(10);

TEST(HostLookup, FindsWhatIsANumberAlready) {
  HostLookup lookup;
  const auto v4 = lookup.find("127.0.0.1", 5672, kPatience);
  ASSERT_TRUE(v4) << v4.error().message;
  ASSERT_EQ(v4->size(), 1u);
  EXPECT_EQ(v4->front().text(), "127.0.0.1:5672");
  EXPECT_EQ(lookup.find("::1", 5671, kPatience)->front().text(), "[::1]:5671");
}

TEST(HostLookup, KeepsQuestionsApartThatFollowEachOther) {
  HostLookup lookup;
  for (int port = 1; port <= 1000; ++port) {
    const auto found = lookup.find("127.0.0.1", port, kPatience);
    ASSERT_TRUE(found) << port << ": " << found.error().message;
    ASSERT_EQ(found->front().port, port);
  }
}

TEST(HostLookup, AnswersTheNextTimeWhatItHadNoTimeFor) {
  HostLookup lookup;
  const auto hurried = lookup.find("127.0.0.1", 1, Duration(0));
  if (!hurried) {
    EXPECT_EQ(hurried.error().code, ErrorCode::timed_out);
  }
  EXPECT_EQ(lookup.find("127.0.0.1", 1, kPatience)->front().text(), "127.0.0.1:1");
  HostLookup left;
  static_cast<void>(left.find("localhost", 1, Duration(0)));
}

TEST(HostLookup, SaysWhyAPlaceCannotBeReached) {
  HostLookup lookup;
  const auto nowhere = lookup.find("not a name", 1, kPatience);
  ASSERT_FALSE(nowhere);
  EXPECT_TRUE(nowhere.error().message.starts_with("cannot look not a name up: "))
      << nowhere.error().message;
  const auto refused = connect_to(lookup.find("127.0.0.1", 1, kPatience)->front(), kPatience);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "127.0.0.1:1: Connection refused");
}

}  // namespace
}  // namespace xylem
