// Goal    two ends understand each other over a link that cuts octets anywhere, doubles nothing and
//         loses nothing until it closes; and an end that meets anything else refuses it, and never
//         reads beyond what it was given.

#include "relay/zmtp/connection.h"

#include <gtest/gtest.h>

#include <deque>

#include "relay/zmtp/output.h"
#include "tests/doubles/bytes.h"
#include "tests/doubles/chance.h"
#include "tests/zmtp/wire.h"

namespace xylem::zmtp {
namespace {

using testing::Chance;
using testing::octets_of;
using testing::text_of;
using testing::wire;

constexpr MessageReader::Limits kLimits{.message_bytes_max = 10'000, .frames_max = 8};
const std::string kPull = Connection::opening(SocketType::pull, "");
const std::string kSub = Connection::opening(SocketType::sub, "");

// A connection, what it has not taken yet, and what its application heard.
struct End {
  explicit End(SocketType type, std::string identity = "") : connection(type, kLimits) {
    to_send = Connection::opening(type, identity);
  }
  // False once it has refused.
  bool take(std::string_view octets) {
    in += octets;
    while (!violation) {
      // A copy whose end is the end of its memory, so that a look beyond it is seen.
      const testing::Exact exact(octets_of(in));
      const auto step = connection.next(exact.span());
      const bool needs_more = std::holds_alternative<Connection::NeedsMore>(step.what);
      std::visit([this](const auto& what) { on(what); }, step.what);
      in.erase(0, step.taken);
      if (needs_more) break;
    }
    to_send += connection.take_answer();
    return !violation;
  }
  void on(const Connection::NeedsMore&) {}
  void on(const Connection::Connected&) { ++connected; }
  void on(const Connection::Ignored&) { ++ignored; }
  void on(const Violation& why) { violation = why; }
  void on(const Connection::Message& message) {
    messages.emplace_back();
    for (const auto& frame : message.frames) messages.back().push_back(text_of(frame));
  }
  void on(const Connection::Subscription& subscription) {
    subscriptions.push_back((subscription.wanted ? "+" : "-") + std::string(subscription.prefix));
  }

  Connection connection;
  std::string in;
  std::string to_send;
  std::vector<std::vector<std::string>> messages;
  std::vector<std::string> subscriptions;
  int connected = 0;
  int ignored = 0;
  std::optional<Violation> violation;
};

TEST(Connection, TakesSubscriptionsInBothForms) {
  End end(SocketType::xpub);
  std::string octets = kSub;
  write_subscription(octets, true, "a");
  write_old_subscription(octets, true, "b");
  write_subscription(octets, false, "a");
  write_old_subscription(octets, false, "b");
  EXPECT_TRUE(end.take(octets));
  EXPECT_EQ(end.subscriptions, (std::vector<std::string>{"+a", "+b", "-a", "-b"}));
}

TEST(Connection, TakesLongPrefixesOfALibzmqThatForgetsToSayThatTheyAre) {
  End end(SocketType::xpub);
  const std::string prefix(250, 'p');
  EXPECT_TRUE(end.take(kSub + wire("04 00 00 00 00 00 00 01 04 09 \"SUBSCRIBE\"") + prefix));
  EXPECT_EQ(end.subscriptions, (std::vector<std::string>{"+" + prefix}));
}

TEST(Connection, DropsWhatIsNotForItsType) {
  End pull(SocketType::pull);
  EXPECT_TRUE(pull.take(Connection::opening(SocketType::push, "") +
                        wire("04 0D 09 \"SUBSCRIBE\" \"abc\"")));
  EXPECT_TRUE(pull.messages.empty() && pull.subscriptions.empty());
  EXPECT_EQ(pull.ignored, 1);
  End xpub(SocketType::xpub);
  EXPECT_TRUE(xpub.take(kSub + wire("00 02 02 \"x\"") + wire("01 01 01 00 01 \"x\"")));
  EXPECT_TRUE(xpub.messages.empty() && xpub.subscriptions.empty());
  EXPECT_EQ(xpub.ignored, 2);
}

TEST(Connection, AnswersAFloodOfPingsOnceAndByTheLast) {
  End end(SocketType::push);
  end.to_send.clear();
  std::string octets = kPull;
  for (const char context : {'a', 'b', 'c'}) {
    octets += wire("04 08 04 \"PING\" 00 0A");
    octets += context;
  }
  EXPECT_TRUE(end.take(octets));
  EXPECT_EQ(end.to_send, wire("04 06 04 \"PONG\" \"c\""));
  EXPECT_EQ(end.connection.ttl_tenths(), 10);
}

TEST(Connection, AnswersAPingInsideAMessage) {
  End end(SocketType::pull);
  EXPECT_TRUE(end.take(Connection::opening(SocketType::push, "")));
  end.to_send.clear();
  EXPECT_TRUE(end.take(wire("01 01 \"k\" 04 07 04 \"PING\" 00 00")));
  EXPECT_EQ(end.to_send, wire("04 05 04 \"PONG\""));
  EXPECT_TRUE(end.take(wire("00 01 \"v\"")));
  EXPECT_EQ(end.messages, (std::vector<std::vector<std::string>>{{"k", "v"}}));
}

// What one end sends in a run: messages of every size, commands between and inside them.
struct Sent {
  std::string octets;
  std::vector<std::vector<std::string>> messages;
};
Sent random_traffic(Chance& chance) {
  Sent sent;
  Output output;
  for (std::size_t count = chance.below(20); count > 0; --count) {
    sent.messages.emplace_back();
    const std::size_t frames = chance.between(1, kLimits.frames_max);
    for (std::size_t i = 1; i <= frames; ++i) {
      const std::size_t bytes = chance.one_in(4) ? chance.between(250, 260) : chance.below(40);
      const std::string body(bytes, static_cast<char>('a' + count));
      sent.messages.back().push_back(body);
      output.put_frame(octets_of(body), i != frames);
      std::string command;
      if (chance.one_in(4)) write_ping(command, 5);
      if (chance.one_in(8)) write_pong(command, "context");
      output.put(command);
    }
  }
  std::array<std::span<const std::byte>, 64> pieces;
  const std::size_t count = output.pieces(pieces);
  for (std::size_t i = 0; i < count; ++i) sent.octets += text_of(pieces[i]);
  return sent;
}

TEST(Connection, TwoEndsUnderstandEachOtherHoweverTheLinkCuts) {
  for (const std::uint64_t seed : testing::seeds(300)) {
    SCOPED_TRACE(testing::named(seed));
    Chance chance(seed);
    End dealer(SocketType::dealer, "me");
    End router(SocketType::router);
    const Sent there = random_traffic(chance);
    const Sent back = random_traffic(chance);
    bool said_there = false;
    bool said_back = false;
    while (true) {
      // Nothing before the other's READY has come.
      if (dealer.connected != 0 && !said_there) dealer.to_send += there.octets;
      if (router.connected != 0 && !said_back) router.to_send += back.octets;
      said_there |= dealer.connected != 0;
      said_back |= router.connected != 0;
      End& from = chance.one_in(2) ? dealer : router;
      End& to = &from == &dealer ? router : dealer;
      if (dealer.to_send.empty() && router.to_send.empty() && said_there && said_back) break;
      const std::size_t piece =
          chance.one_in(3) ? std::min<std::size_t>(1, from.to_send.size())
                           : chance.below(std::min<std::size_t>(from.to_send.size(), 700) + 1);
      ASSERT_TRUE(to.take(from.to_send.substr(0, piece)));
      from.to_send.erase(0, piece);
    }
    EXPECT_EQ(router.messages, there.messages);
    EXPECT_EQ(dealer.messages, back.messages);
    EXPECT_EQ(router.connection.peer().identity, "me");
    EXPECT_EQ(dealer.connected, 1);
  }
}

TEST(Connection, RefusesOrTakesWhateverComesAndKeepsLittleOfIt) {
  for (const std::uint64_t seed : testing::seeds(300)) {
    SCOPED_TRACE(testing::named(seed));
    Chance chance(seed);
    const bool pulls = chance.one_in(2);
    End end(pulls ? SocketType::pull : SocketType::xpub);
    std::string octets = Connection::opening(pulls ? SocketType::push : SocketType::sub, "");
    octets += random_traffic(chance).octets;
    for (std::size_t bends = chance.between(1, 6); bends > 0; --bends) {
      const std::size_t at = chance.one_in(2) ? chance.below(octets.size())
                                              : octets.size() - 1 - chance.below(octets.size()) / 2;
      octets[at] = static_cast<char>(chance.any());
    }
    while (!octets.empty()) {
      const std::size_t piece = chance.below(octets.size()) + 1;
      if (!end.take(octets.substr(0, piece))) break;
      octets.erase(0, piece);
    }
    EXPECT_LT(end.in.size(), 100'000u);
    for (const auto& message : end.messages) EXPECT_LE(message.size(), kLimits.frames_max);
  }
}

}  // namespace
}  // namespace xylem::zmtp
