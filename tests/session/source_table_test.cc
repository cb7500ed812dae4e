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

// From an address of its own, unless a test says otherwise.
SourceTable::Connection from(const std::string& peer) { return {peer, "address of " + peer}; }

class SourceTableTest : public ::testing::Test {
 protected:
  std::string refusal(const SourceHello& hello) {
    const auto welcome = table.on_hello(from("peer"), hello, at(0));
    return welcome ? "welcome" : welcome.error().message;
  }
  SourceTable table{{.sources_max = 2}, 1};
};

TEST_F(SourceTableTest, ANewConnectionTakesOverFromTheOldOne) {
  ASSERT_TRUE(table.on_hello(from("a"), hello_of(5), at(0)));
  table.of_peer("a")->receiver.on_hello({1});
  ASSERT_TRUE(table.on_hello(from("b"), hello_of(5), at(1)));
  EXPECT_EQ(table.of_peer("a"), nullptr);
  EXPECT_EQ(table.of_peer("b")->peer, "b");
  EXPECT_EQ(table.connected(), 1u);
}

TEST(SourceTable, AConnectionThatSpeaksForAnotherSourceLeavesTheFirst) {
  SourceTable table({.sources_max = 4}, 1);
  ASSERT_TRUE(table.on_hello(from("a"), hello_of(5), at(0)));
  ASSERT_TRUE(table.on_hello(from("a"), hello_of(6), at(0)));
  EXPECT_EQ(table.of_peer("a")->id, SourceId{6});
  EXPECT_EQ(table.find({5})->peer, "");
}

TEST_F(SourceTableTest, RemembersWhatASourceSentOverItsConnections) {
  ASSERT_TRUE(table.on_hello(from("a"), hello_of(5), at(0)));
  EXPECT_EQ(table.of_peer("a")->receiver.on_batch({1}), AckedReceiver::Verdict::take);
  table.of_peer("a")->receiver.on_done({1});
  table.disconnect("a");
  EXPECT_EQ(table.on_hello(from("b"), hello_of(5), at(1))->acked, BatchNumber{1});
}

TEST_F(SourceTableTest, RecoversWhatTheLogSays) {
  table.recover({{5, {{7}, 0}}}, at(0), 0);
  EXPECT_EQ(table.on_hello(from("a"), hello_of(5, 3), at(1))->acked, BatchNumber{7});
}

TEST_F(SourceTableTest, ForgetsTheSourceNotHeardOfForLongest) {
  ASSERT_TRUE(table.on_hello(from("a"), hello_of(5), at(0)));
  ASSERT_TRUE(table.on_hello(from("b"), hello_of(6), at(10)));
  EXPECT_FALSE(table.on_hello(from("c"), hello_of(7), at(20)));
  ASSERT_TRUE(table.on_hello(from("c"), hello_of(7), at(60)));
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
  ASSERT_TRUE(table.on_hello(from("a"), hello_of(7), at(100)));
  EXPECT_EQ(table.find({5}), nullptr) << "the one not heard of for longest";
  ASSERT_TRUE(table.on_hello(from("b"), hello_of(6), at(100)));
  EXPECT_FALSE(table.on_hello(from("c"), hello_of(8), at(101))) << "those that are here stay";
}

TEST_F(SourceTableTest, TakesPlacesWithAnyTime) {
  table.recover({{5, {{7}, INT64_MIN}}, {6, {{1}, INT64_MAX}}}, at(0), -5);
  EXPECT_TRUE(table.on_hello(from("a"), hello_of(7), at(0)));
}

// One after the other from this address, each having sent something and gone.
std::uint64_t comers(SourceTable& table, const std::string& address, std::uint64_t first,
                     std::uint64_t count) {
  std::uint64_t welcome = 0;
  for (std::uint64_t source = first; source < first + count; ++source) {
    const std::string peer = address + std::to_string(source);
    if (!table.on_hello({peer, address}, hello_of(source), at(1))) continue;
    ++welcome;
    table.of_peer(peer)->is_kept = true;
    table.disconnect(peer);
  }
  return welcome;
}

TEST(SourceTable, GivesOneAddressHalfOfThePlaces) {
  SourceTable table({.sources_max = 10}, 1);
  EXPECT_EQ(comers(table, "stranger", 1, 100), 5u);
  const auto refused = table.on_hello({"x", "stranger"}, hello_of(101), at(2));
  EXPECT_EQ(refused.error().message,
            "5 sources are as many as one address may have here (half of acked.sources_max)");
  EXPECT_EQ(comers(table, "honest", 201, 5), 5u);
  EXPECT_TRUE(table.on_hello({"x", "stranger"}, hello_of(101), at(62))) << "of its own";
  for (std::uint64_t source = 201; source < 206; ++source) {
    EXPECT_NE(table.find({source}), nullptr);
  }
}

TEST(SourceTable, TakesThePlaceForANewcomerFromTheAddressThatHasMost) {
  SourceTable table({.sources_max = 10}, 1);
  EXPECT_EQ(comers(table, "some", 1, 3), 3u);
  EXPECT_EQ(comers(table, "most", 11, 5), 5u);
  EXPECT_EQ(comers(table, "few", 21, 2), 2u);
  EXPECT_EQ(table.size(), 10u) << "the premise";
  EXPECT_TRUE(table.on_hello({"x", "new"}, hello_of(31), at(2)));
  std::size_t left = 0;
  for (std::uint64_t source = 11; source < 16; ++source) left += table.find({source}) != nullptr;
  EXPECT_EQ(left, 4u) << "silent for a second only";
  EXPECT_NE(table.find({1}), nullptr);
  EXPECT_NE(table.find({21}), nullptr);
}

TEST(SourceTable, CountsASourceWhereItIsNow) {
  SourceTable table({.sources_max = 4}, 1);
  EXPECT_EQ(comers(table, "old", 1, 2), 2u);
  ASSERT_TRUE(table.on_hello({"a", "new"}, hello_of(1), at(1)));
  EXPECT_TRUE(table.on_hello({"b", "old"}, hello_of(3), at(1)));
  EXPECT_TRUE(table.on_hello({"c", "new"}, hello_of(4), at(1)));
  EXPECT_FALSE(table.on_hello({"d", "new"}, hello_of(5), at(1)));
}

// A connection for each of them costs a stranger descriptors; one for all of them costs nothing.
TEST_F(SourceTableTest, DoesNotKeepWhomAConnectionHasLeftForAnother) {
  ASSERT_TRUE(table.on_hello(from("honest"), hello_of(5), at(0)));
  table.of_peer("honest")->is_kept = true;
  table.disconnect("honest");
  for (std::uint64_t source = 10; source < 20; ++source) {
    ASSERT_TRUE(table.on_hello(from("stranger"), hello_of(source), at(1)));
    table.of_peer("stranger")->is_kept = true;
  }
  EXPECT_NE(table.find({5}), nullptr);
}

TEST_F(SourceTableTest, LetsOneConnectionTakeOnePlaceWhateverSourcesItSpeaksFor) {
  ASSERT_TRUE(table.on_hello(from("honest"), hello_of(5), at(0)));
  table.of_peer("honest")->is_kept = true;
  table.disconnect("honest");
  for (std::uint64_t source = 10; source < 100; ++source) {
    ASSERT_TRUE(table.on_hello(from("stranger"), hello_of(source), at(1)));
  }
  EXPECT_NE(table.find({5}), nullptr) << "it may send again what it sent";
  EXPECT_EQ(table.size(), 2u);
  table.disconnect("stranger");
  EXPECT_TRUE(table.on_hello(from("other"), hello_of(6), at(1)));
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
