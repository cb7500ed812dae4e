#include "relay/session/subscription_session.h"

#include <gtest/gtest.h>

namespace xylem {
namespace {

using namespace std::chrono_literals;

class SubscriptionSessionTest : public ::testing::Test {
 protected:
  SubscriptionSessionTest() {
    limits.credit_bytes_max = 1000;
    limits.tap_bytes_max = 5000;
    limits.tap_events_max = 50;
    limits.heartbeat = 5s;
    limits.idle_timeout = 60s;
    hello.name = "dump";
    hello.credit_bytes = 100;
  }
  SubscriptionSession accepted() {
    return SubscriptionSession::accept(hello, limits, 42, start).value();
  }
  // Why the Hello is refused, or "".
  std::string refusal() {
    const auto session = SubscriptionSession::accept(hello, limits, 42, start);
    return session ? ""
                   : std::string(name_of(session.error().code)) + ": " + session.error().message;
  }

  SubscriptionSession::Limits limits;
  Hello hello;
  Instant start{1h};
};

TEST_F(SubscriptionSessionTest, GivesTheRelaysDefaultsToAHelloThatAsksForNone) {
  const SubscriptionSession session = accepted();
  EXPECT_EQ(session.tap_bytes_max(), 5000u);
  EXPECT_EQ(session.tap_events_max(), 50u);
  EXPECT_EQ(session.overflow(), Overflow::drop_oldest);
  EXPECT_TRUE(session.filter().matches_everything());
}

TEST_F(SubscriptionSessionTest, GivesWhatAHelloAsksForWithinTheLimits) {
  hello.tap_bytes_max = 5000;
  hello.tap_events_max = 1;
  hello.overflow = Overflow::block;
  hello.patterns = {"task.#"};
  const SubscriptionSession session = accepted();
  EXPECT_EQ(session.tap_bytes_max(), 5000u);
  EXPECT_EQ(session.tap_events_max(), 1u);
  EXPECT_EQ(session.overflow(), Overflow::block);
  EXPECT_FALSE(session.filter().matches("worker.online"));
}

TEST_F(SubscriptionSessionTest, RefusesANameThatCouldBeTheRelaysOwn) {
  for (const char* name : {"(gone)", "(others)", "(unnamed)"}) {
    hello.name = name;
    EXPECT_NE(refusal().find("in parentheses"), std::string::npos) << name;
  }
  hello.name = "dump (mine)";
  EXPECT_EQ(refusal(), "");
}

TEST_F(SubscriptionSessionTest, RefusesAHelloThatAsksForTooMuch) {
  hello.tap_bytes_max = 5001;
  EXPECT_NE(refusal().find("tap_bytes_max of 5001 is above this relay's limit of 5000"),
            std::string::npos)
      << refusal();
  hello.tap_bytes_max = 0;
  hello.tap_events_max = 51;
  EXPECT_TRUE(refusal().starts_with("refused: tap_events_max")) << refusal();
  hello.tap_events_max = 0;
  hello.credit_bytes = 1001;
  EXPECT_TRUE(refusal().starts_with("refused: credit_bytes")) << refusal();
  hello.credit_bytes = 1000;
  EXPECT_EQ(refusal(), "");
}

TEST_F(SubscriptionSessionTest, RefusesAHelloOfAnotherProtocol) {
  hello.protocol = 2;
  EXPECT_TRUE(refusal().starts_with("refused: stream protocol 2")) << refusal();
}

TEST_F(SubscriptionSessionTest, RefusesABadPatternAndALongName) {
  hello.patterns = {"task*"};
  EXPECT_TRUE(refusal().starts_with("bad_pattern: ")) << refusal();
  hello.patterns = {};
  hello.name = std::string(129, 'n');
  EXPECT_TRUE(refusal().starts_with("refused: a name")) << refusal();
}

TEST_F(SubscriptionSessionTest, ShowsANameThatCanBePrinted) {
  hello.name = "a\nb";
  EXPECT_EQ(accepted().name(), "a\\x0ab");
}

TEST_F(SubscriptionSessionTest, WelcomesWithItsNumberAndLimits) {
  const Welcome welcome = accepted().welcome(Epoch{7}, Sequence{8});
  EXPECT_EQ(welcome.session, 42u);
  EXPECT_EQ(welcome.epoch, Epoch{7});
  EXPECT_EQ(welcome.next_sequence, Sequence{8});
  EXPECT_EQ(welcome.credit_bytes_max, 1000u);
  EXPECT_EQ(welcome.heartbeat_ms, 5000u);
}

TEST_F(SubscriptionSessionTest, SendsNothingWithoutCredit) {
  hello.credit_bytes = 0;
  SubscriptionSession session = accepted();
  EXPECT_FALSE(session.may_send());
  EXPECT_TRUE(session.on_credit({42, 1, false}, start));
  EXPECT_TRUE(session.may_send());
}

TEST_F(SubscriptionSessionTest, OverdrawsCreditByOneFrameAtMost) {
  SubscriptionSession session = accepted();
  session.on_sent(99);
  EXPECT_TRUE(session.may_send());
  session.on_sent(700);
  EXPECT_FALSE(session.may_send());
  EXPECT_TRUE(session.on_credit({42, 799, false}, start));
  EXPECT_FALSE(session.may_send()) << "what was overdrawn counts";
  EXPECT_TRUE(session.on_credit({42, 800, false}, start));
  EXPECT_TRUE(session.may_send());
}

TEST_F(SubscriptionSessionTest, RefusesCreditThatIsTakenBack) {
  SubscriptionSession session = accepted();
  EXPECT_EQ(session.on_credit({42, 99, false}, start).error().code, ErrorCode::refused);
  EXPECT_TRUE(session.on_credit({42, 100, false}, start)) << "the same again is a heartbeat";
}

TEST_F(SubscriptionSessionTest, RefusesCreditFarAheadOfWhatWasSent) {
  SubscriptionSession session = accepted();
  EXPECT_TRUE(session.on_credit({42, 1000, false}, start));
  EXPECT_EQ(session.on_credit({42, 1001, false}, start).error().code, ErrorCode::refused);
  session.on_sent(1);
  EXPECT_TRUE(session.on_credit({42, 1001, false}, start));
  EXPECT_EQ(session.on_credit({42, UINT64_MAX, false}, start).error().code, ErrorCode::refused);
}

TEST_F(SubscriptionSessionTest, IsSilentOnceItsIdleTimeoutPassedWithoutCredit) {
  SubscriptionSession session = accepted();
  EXPECT_FALSE(session.is_silent(start + 60s));
  EXPECT_TRUE(session.is_silent(start + 61s));
  EXPECT_TRUE(session.on_credit({42, 100, true}, start + 50s));
  EXPECT_FALSE(session.is_silent(start + 110s));
  EXPECT_TRUE(session.is_silent(start + 111s));
}

TEST_F(SubscriptionSessionTest, ExcusesSilenceWhenTheRelayItselfWasAway) {
  SubscriptionSession session = accepted();
  session.excuse(start + 100s);
  EXPECT_FALSE(session.is_silent(start + 160s));
  EXPECT_TRUE(session.is_silent(start + 161s));
}

TEST_F(SubscriptionSessionTest, KnowsFromGrantsWhatWasConsumed) {
  SubscriptionSession session = accepted();
  EXPECT_EQ(session.consumed_bytes(), 0u);
  session.on_sent(80);
  EXPECT_TRUE(session.on_credit({42, 180, false}, start));
  EXPECT_EQ(session.consumed_bytes(), 80u);
  EXPECT_EQ(session.sent_bytes(), 80u);
}

}  // namespace
}  // namespace xylem
