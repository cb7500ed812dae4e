#include "relay/codec/control_codec.h"

#include <gtest/gtest.h>

#include <set>

#include "relay/base/limits.h"
#include "tests/doubles/bytes.h"
#include "tests/doubles/chance.h"

namespace xylem {
namespace {

using testing::Bytes;

template <class Body>
Body sent_and_read(const Body& body) {
  const testing::Exact frame(write_control(body));
  return std::get<Body>(read_control(frame.span()).value());
}

TEST(ControlCodec, CarriesAHello) {
  const Hello hello = sent_and_read(
      Hello{1, "dump", {"task.#", "worker.*"}, Overflow::disconnect, 100, 200, UINT64_MAX});
  EXPECT_EQ(hello.protocol, 1);
  EXPECT_EQ(hello.name, "dump");
  EXPECT_EQ(hello.patterns, (std::vector<std::string>{"task.#", "worker.*"}));
  EXPECT_EQ(hello.overflow, Overflow::disconnect);
  EXPECT_EQ(hello.tap_bytes_max, 100u);
  EXPECT_EQ(hello.tap_events_max, 200u);
  EXPECT_EQ(hello.credit_bytes, UINT64_MAX);
}

TEST(ControlCodec, CarriesWhereAHelloWantsToBegin) {
  Hello hello;
  hello.resume_epoch = {UINT64_MAX};
  hello.resume_sequence = {9};
  hello.since_us = -1;
  const Hello read = sent_and_read(hello);
  EXPECT_EQ(read.resume_epoch, Epoch{UINT64_MAX});
  EXPECT_EQ(read.resume_sequence, Sequence{9});
  EXPECT_EQ(read.since_us, -1);
}

TEST(ControlCodec, CarriesTheLargestHelloThatIsAllowed) {
  const Hello large{.name = std::string(128, 'n'),
                    .patterns = std::vector<std::string>(kPatternsPerSubscriberMax,
                                                         std::string(kRoutingKeyBytesMax, 'p'))};
  EXPECT_EQ(sent_and_read(large).patterns, large.patterns);
}

TEST(ControlCodec, CarriesAWelcome) {
  const Welcome welcome = sent_and_read(Welcome{1, 77, {88}, {99}, 1 << 20, 5000});
  EXPECT_EQ(welcome.protocol, 1);
  EXPECT_EQ(welcome.session, 77u);
  EXPECT_EQ(welcome.epoch, Epoch{88});
  EXPECT_EQ(welcome.next_sequence, Sequence{99});
  EXPECT_EQ(welcome.credit_bytes_max, 1u << 20);
  EXPECT_EQ(welcome.heartbeat_ms, 5000u);
}

TEST(ControlCodec, CarriesACredit) {
  const Credit credit = sent_and_read(Credit{77, UINT64_MAX, true});
  EXPECT_EQ(credit.session, 77u);
  EXPECT_EQ(credit.granted_bytes, UINT64_MAX);
  EXPECT_TRUE(credit.answer);
  EXPECT_FALSE(sent_and_read(Credit{}).answer);
}

TEST(ControlCodec, CarriesASourceHello) {
  const SourceHello hello =
      sent_and_read(SourceHello{1, "sidecar", {UINT64_MAX}, {17}, AckLevel::synced});
  EXPECT_EQ(hello.protocol, 1);
  EXPECT_EQ(hello.name, "sidecar");
  EXPECT_EQ(hello.source, SourceId{UINT64_MAX});
  EXPECT_EQ(hello.first_unacked, BatchNumber{17});
  EXPECT_EQ(hello.level, AckLevel::synced);
}

TEST(ControlCodec, CarriesASourceWelcome) {
  const SourceWelcome welcome = sent_and_read(SourceWelcome{1, 77, {16}, 8 << 20, 1 << 20, 1000});
  EXPECT_EQ(welcome.protocol, 1);
  EXPECT_EQ(welcome.session, 77u);
  EXPECT_EQ(welcome.acked, BatchNumber{16});
  EXPECT_EQ(welcome.window_bytes, 8u << 20);
  EXPECT_EQ(welcome.frame_bytes_max, 1u << 20);
  EXPECT_EQ(welcome.heartbeat_ms, 1000u);
}

TEST(ControlCodec, CarriesAnAck) {
  const Ack ack = sent_and_read(Ack{77, {18}, {19}});
  EXPECT_EQ(ack.session, 77u);
  EXPECT_EQ(ack.acked, BatchNumber{18});
  EXPECT_EQ(ack.missing, BatchNumber{19});
}

TEST(ControlCodec, CarriesWhereARelaysEventsGo) {
  RelayChain relays;
  relays.add(RelayId{UINT64_MAX});
  relays.add(RelayId{5});
  EXPECT_EQ(sent_and_read(Ack{77, {18}, {0}, relays}).relays, relays);
  EXPECT_EQ(sent_and_read(SourceWelcome{1, 77, {16}, 8, 9, 10, relays}).relays, relays);
}

TEST(ControlCodec, AckLevelsHaveTheNamesOfTheConfiguration) {
  EXPECT_EQ(parse_ack_level("synced").value(), AckLevel::synced);
  EXPECT_EQ(parse_ack_level("written").value(), AckLevel::written);
  EXPECT_EQ(parse_ack_level("received").value(), AckLevel::received);
  EXPECT_EQ(parse_ack_level("read").error().message,
            "'read' is not an ack level; received, written, synced are");
}

TEST(ControlCodec, CarriesAnAlive) {
  const Alive alive = sent_and_read(Alive{{5}, {6}, {3}, {4}});
  EXPECT_EQ(alive.epoch, Epoch{5});
  EXPECT_EQ(alive.next_sequence, Sequence{6});
  EXPECT_EQ(alive.served_epoch, Epoch{3});
  EXPECT_EQ(alive.served_sequence, Sequence{4});
}

TEST(ControlCodec, CarriesAGap) {
  for (const GapReason reason : {GapReason::overflow, GapReason::reconnect}) {
    const Gap gap = sent_and_read(Gap{{1}, {2}, {30}, 4, reason});
    EXPECT_EQ(gap.epoch, Epoch{1});
    EXPECT_EQ(gap.first, Sequence{2});
    EXPECT_EQ(gap.last, Sequence{30});
    EXPECT_EQ(gap.count, 4u);
    EXPECT_EQ(gap.reason, reason);
  }
}

TEST(ControlCodec, CarriesABye) {
  for (const ByeReason reason : {ByeReason::closing, ByeReason::unknown_session, ByeReason::refused,
                                 ByeReason::too_slow, ByeReason::silent}) {
    const Bye bye = sent_and_read(Bye{reason, "a sentence"});
    EXPECT_EQ(bye.reason, reason);
    EXPECT_EQ(bye.text, "a sentence");
  }
}

// Control is {body_type, body}: the one byte that says which body it is lies somewhere in the
// frame.
TEST(ControlCodec, TakesABodyThatItDoesNotKnowAsNothingSaid) {
  Bytes frame = write_control(Alive{{5}, {6}});
  ASSERT_TRUE(read_control(frame));
  int unknown = 0;
  for (std::byte& byte : frame) {
    if (byte != std::byte{4}) continue;  // Body.Alive
    byte = std::byte{200};
    const auto read = read_control(frame);
    unknown += read && std::holds_alternative<Unknown>(*read);
    byte = std::byte{4};
  }
  EXPECT_EQ(unknown, 1) << "the premise: one of those bytes was the body's type";
}

TEST(ControlCodec, RefusesWhatIsNoControlFrame) {
  EXPECT_EQ(read_control({}).error().code, ErrorCode::malformed);
  EXPECT_EQ(read_control(testing::bytes_of("0000XYB10000")).error().code, ErrorCode::malformed);
  EXPECT_FALSE(is_control_frame(testing::bytes_of("0000XYC")));
  EXPECT_TRUE(is_control_frame(testing::bytes_of("0000XYC1")));
}

TEST(ControlCodec, RefusesAFrameOfMoreThanItsLimit) {
  Bytes frame = write_control(Alive{});
  frame.resize(129 << 10);
  EXPECT_EQ(read_control(frame).error().code, ErrorCode::malformed);
}

// Readers of the value switch over its enums; one that does not exist must not get so far.
TEST(ControlCodec, RefusesAnOverflowPolicyThatItDoesNotKnow) {
  int refused = 0;
  Hello hello;
  hello.overflow = Overflow::spill;
  Bytes frame = write_control(hello);
  for (std::byte& byte : frame) {
    if (byte != std::byte{4}) continue;  // Overflow.spill
    byte = std::byte{5};
    const auto read = read_control(frame);
    refused += !read && read.error().message.find("overflow policy") != std::string::npos;
    byte = std::byte{4};
  }
  EXPECT_EQ(refused, 1) << "the premise: one of those bytes was the policy";
}

TEST(ControlCodec, RefusesEveryFrameThatIsCutOff) {
  const Bytes whole = write_control(Hello{1, "name", {"a", "b"}, Overflow::block, 1, 2, 3});
  for (std::size_t size = 0; size + 8 < whole.size(); ++size) {
    const testing::Exact cut(std::span<const std::byte>(whole).first(size));
    EXPECT_FALSE(read_control(cut.span())) << "cut to " << size;
  }
}

TEST(ControlCodec, DoesNoHarmWithBitsFlipped) {
  const Control bodies[] = {Hello{1, "name", {"a", "bb"}, Overflow::block, 1, 2, 3},
                            Welcome{1, 2, {3}, {4}, 5, 6},
                            Credit{1, 2, true},
                            Alive{{1}, {2}},
                            Gap{{1}, {2}, {3}, 4, GapReason::reconnect},
                            Bye{ByeReason::refused, "why"}};
  for (const std::uint64_t seed : testing::seeds(20)) {
    SCOPED_TRACE(testing::named(seed));
    testing::Chance chance(seed);
    int taken = 0;
    for (int round = 0; round < 1000; ++round) {
      Bytes bent = write_control(chance.of(std::span<const Control>(bodies)));
      for (std::size_t flips = chance.between(1, 4); flips > 0; --flips) {
        bent[chance.below(bent.size())] ^= static_cast<std::byte>(1u << chance.below(8));
      }
      const testing::Exact exact(bent);
      const auto read = read_control(exact.span());
      if (!read || std::holds_alternative<Unknown>(*read)) continue;
      ++taken;
      // What was read is a value like any other: it can be written, and comes back the same.
      ASSERT_EQ(write_control(read_control(write_control(*read)).value()), write_control(*read));
    }
    EXPECT_GT(taken, 0) << "the premise of this run: some frames were still taken";
  }
}

TEST(Overflow, IsParsedFromItsName) {
  for (const Overflow overflow : {Overflow::drop_oldest, Overflow::drop_newest, Overflow::block,
                                  Overflow::disconnect, Overflow::spill}) {
    EXPECT_EQ(parse_overflow(name_of(overflow)).value(), overflow);
  }
  EXPECT_EQ(parse_overflow("drop").error().code, ErrorCode::bad_configuration);
  EXPECT_NE(parse_overflow("x").error().message.find("drop_newest"), std::string::npos);
}

TEST(ByeReason, HasADistinctName) {
  std::set<std::string_view> names;
  for (const ByeReason reason : {ByeReason::closing, ByeReason::unknown_session, ByeReason::refused,
                                 ByeReason::too_slow, ByeReason::silent}) {
    names.insert(name_of(reason));
  }
  EXPECT_EQ(names.size(), 5u);
  EXPECT_FALSE(names.contains("unknown"));
}

}  // namespace
}  // namespace xylem
