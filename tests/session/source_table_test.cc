// Goal    sources keep their place over connections, and a table that is full forgets only who was
//         silent.

#include "relay/session/source_table.h"

#include <gtest/gtest.h>

namespace xylem {
namespace {

constexpr Instant at(int seconds) { return {std::chrono::seconds(seconds)}; }

SourceHello hello_of(std::uint64_t source, std::uint64_t first = 1) {
  return {kAckedProtocol, "us", {source}, {first}, AckLevel::received};
}

class SourceTableTest : public ::testing::Test {
 protected:
  std::string refusal(const SourceHello& hello) {
    const auto welcome = table.on_hello("peer", hello, at(0));
    return welcome ? "welcome" : welcome.error().message;
  }
  SourceTable table{{.sources_max = 2}, 1};
};

TEST_F(SourceTableTest, ANewConnectionTakesOverFromTheOldOne) {
  ASSERT_TRUE(table.on_hello("a", hello_of(5), at(0)));
  table.of_peer("a")->receiver.on_hello({1});
  ASSERT_TRUE(table.on_hello("b", hello_of(5), at(1)));
  EXPECT_EQ(table.of_peer("a"), nullptr);
  EXPECT_EQ(table.of_peer("b")->peer, "b");
  EXPECT_EQ(table.connected(), 1u);
}

TEST_F(SourceTableTest, AConnectionThatSpeaksForAnotherSourceLeavesTheFirst) {
  ASSERT_TRUE(table.on_hello("a", hello_of(5), at(0)));
  ASSERT_TRUE(table.on_hello("a", hello_of(6), at(0)));
  EXPECT_EQ(table.of_peer("a")->id, SourceId{6});
  EXPECT_EQ(table.find({5})->peer, "");
}

TEST_F(SourceTableTest, RemembersWhatASourceSentOverItsConnections) {
  ASSERT_TRUE(table.on_hello("a", hello_of(5), at(0)));
  EXPECT_EQ(table.of_peer("a")->receiver.on_batch({1}), AckedReceiver::Verdict::take);
  table.of_peer("a")->receiver.on_done({1});
  table.disconnect("a");
  EXPECT_EQ(table.on_hello("b", hello_of(5), at(1))->acked, BatchNumber{1});
}

TEST_F(SourceTableTest, RecoversWhatTheLogSays) {
  table.recover({{5, {{7}, 0}}}, at(0), 0);
  EXPECT_EQ(table.on_hello("a", hello_of(5, 3), at(1))->acked, BatchNumber{7});
}

TEST_F(SourceTableTest, ForgetsTheSourceNotHeardOfForLongest) {
  ASSERT_TRUE(table.on_hello("a", hello_of(5), at(0)));
  ASSERT_TRUE(table.on_hello("b", hello_of(6), at(10)));
  EXPECT_FALSE(table.on_hello("c", hello_of(7), at(20)));
  ASSERT_TRUE(table.on_hello("c", hello_of(7), at(60)));
  EXPECT_EQ(table.find({5}), nullptr);
  EXPECT_EQ(table.of_peer("a"), nullptr);
  EXPECT_NE(table.find({6}), nullptr);
}

TEST_F(SourceTableTest, RecoversTheSourcesHeardOfLast) {
  table.recover({{5, {{7}, 1}}, {6, {{1}, 3}}, {7, {{1}, 2}}}, at(0), 3);
  EXPECT_EQ(table.size(), 2u);
  EXPECT_EQ(table.find({5}), nullptr);
}

// A relay that was just started knows of everybody that it was silent to.
TEST_F(SourceTableTest, ForgetsARecoveredSourceForANewcomerAtOnce) {
  table.recover({{5, {{7}, 1'000'000}}, {6, {{1}, 2'000'000}}}, at(100), 2'000'000);
  ASSERT_TRUE(table.on_hello("a", hello_of(7), at(100)));
  EXPECT_EQ(table.find({5}), nullptr) << "the one not heard of for longest";
  ASSERT_TRUE(table.on_hello("b", hello_of(6), at(100)));
  EXPECT_FALSE(table.on_hello("c", hello_of(8), at(101))) << "those that are here stay";
}

TEST_F(SourceTableTest, TakesPlacesWithAnyTime) {
  table.recover({{5, {{7}, INT64_MIN}}, {6, {{1}, INT64_MAX}}}, at(0), -5);
  EXPECT_TRUE(table.on_hello("a", hello_of(7), at(0)));
}

TEST_F(SourceTableTest, LetsOneConnectionTakeOnePlaceWhateverSourcesItSpeaksFor) {
  ASSERT_TRUE(table.on_hello("honest", hello_of(5), at(0)));
  table.of_peer("honest")->has_sent = true;
  table.disconnect("honest");
  for (std::uint64_t source = 10; source < 100; ++source) {
    ASSERT_TRUE(table.on_hello("stranger", hello_of(source), at(1)));
  }
  EXPECT_NE(table.find({5}), nullptr) << "it may send again what it sent";
  EXPECT_EQ(table.size(), 2u);
  table.disconnect("stranger");
  EXPECT_TRUE(table.on_hello("other", hello_of(6), at(1)));
}

TEST_F(SourceTableTest, RefusesWithASentence) {
  EXPECT_EQ(refusal({2, "us", {5}, {1}, AckLevel::received}),
            "protocol 1 is spoken here, and not 2");
  EXPECT_EQ(refusal(hello_of(0)), "a SourceHello names its source and its first batch, from 1");
  EXPECT_EQ(refusal(hello_of(5, 0)), "a SourceHello names its source and its first batch, from 1");
  EXPECT_EQ(refusal(hello_of(5, UINT64_MAX)), "no source has sent so many batches");
  EXPECT_EQ(refusal({kAckedProtocol, std::string(129, 'x'), {5}, {1}, AckLevel::received}),
            "a name has at most 128 bytes");
  EXPECT_EQ(refusal({kAckedProtocol, "us", {5}, {1}, AckLevel::synced}),
            "acks at 'synced' take a spool, and this relay has none; it can acknowledge at "
            "'received'");
}

}  // namespace
}  // namespace xylem
