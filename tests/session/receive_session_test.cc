#include "relay/session/receive_session.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

namespace xylem {
namespace {

using namespace std::chrono_literals;

// Steps as words: "" nothing, "hello", "hello from 7:10", "hello since 5", "credit 150",
// "credit 150 ?" (an answer is wanted), "leave", "reconnect: why", "give up: why".
std::string word_of(const ReceiveSession::Step& step) {
  if (const auto* send = std::get_if<ReceiveSession::Send>(&step)) {
    if (const auto* hello = std::get_if<Hello>(&send->control)) {
      std::string word = "hello";
      if (hello->resume_epoch != Epoch{})
        word += " from " + std::to_string(hello->resume_epoch.value) + ":" +
                std::to_string(hello->resume_sequence.value);
      if (hello->since_us != 0) word += " since " + std::to_string(hello->since_us);
      return word;
    }
    const Credit& credit = std::get<Credit>(send->control);
    return "credit " + std::to_string(credit.granted_bytes) + (credit.answer ? " ?" : "");
  }
  if (const auto* again = std::get_if<ReceiveSession::Reconnect>(&step)) {
    return "reconnect: " + again->why;
  }
  if (std::holds_alternative<ReceiveSession::Leave>(step)) return "leave";
  if (const auto* no = std::get_if<ReceiveSession::GiveUp>(&step))
    return "give up: " + no->error.message;
  return "";
}

class ReceiveSessionTest : public ::testing::Test {
 protected:
  static ReceiveSession::Options options() {
    ReceiveSession::Options made;
    made.hello.credit_bytes = 100;
    made.answer_timeout = 5s;
    made.heartbeat = 2s;
    return made;
  }
  std::string connected() { return word_of(session.on_connected(now)); }
  std::string says(const Control& control) { return word_of(session.on_control(control, now)); }
  std::string welcomed(std::uint64_t next, std::uint64_t epoch = 7) {
    return says(Welcome{1, 42, {epoch}, {next}, 1000, 5000});
  }
  std::string batch(std::uint64_t last, std::uint64_t bytes, std::uint64_t epoch = 7) {
    return word_of(session.on_batch({epoch}, {last}, bytes, now));
  }
  void begin_anew(const std::function<void(ReceiveSession::Options&)>& change) {
    ReceiveSession::Options changed = options();
    change(changed);
    session = ReceiveSession(changed);
  }
  // Nothing comes for so long, asked as often as the header wants; what it did meanwhile.
  std::string idle(Duration by) {
    std::string words;
    while (by > Duration(0)) {
      const Duration step = std::min<Duration>(by, 1s);
      now = now + step;
      by -= step;
      const std::string word = word_of(session.on_idle(now));
      if (!word.empty()) words += (words.empty() ? "" : ", ") + word;
    }
    return words;
  }
  // "7:10-19" or "none".
  std::string gap() {
    const auto gap = session.take_reconnect_gap();
    if (!gap) return "none";
    EXPECT_EQ(gap->reason, GapReason::reconnect);
    EXPECT_EQ(gap->count, 0u);
    return std::to_string(gap->epoch.value) + ":" + std::to_string(gap->first.value) + "-" +
           std::to_string(gap->last.value);
  }

  Instant now{1h};
  ReceiveSession session{options()};
};

TEST_F(ReceiveSessionTest, SaysHelloFirstAndIsOpenOnceWelcomed) {
  EXPECT_EQ(connected(), "hello");
  EXPECT_FALSE(session.is_open());
  EXPECT_EQ(welcomed(1), "");
  EXPECT_TRUE(session.is_open());
}

TEST_F(ReceiveSessionTest, GrantsCreditOnceHalfOfTheWindowIsConsumed) {
  connected();
  welcomed(1);
  EXPECT_EQ(batch(1, 49), "");
  EXPECT_EQ(batch(2, 1), "credit 150");
  EXPECT_EQ(batch(3, 49), "");
  EXPECT_EQ(batch(4, 151), "credit 350") << "a frame larger than the window";
}

// A relay that allows less under way than half of the window waits for it.
TEST_F(ReceiveSessionTest, GrantsWhatItConsumedAtEachHeartbeat) {
  connected();
  welcomed(1);
  EXPECT_EQ(batch(1, 30), "");
  EXPECT_EQ(idle(2s), "credit 130 ?");
  EXPECT_EQ(batch(2, 49), "");
  EXPECT_EQ(batch(3, 1), "credit 180") << "by halves, from there on";
}

TEST_F(ReceiveSessionTest, StartsItsCreditAnewOnEveryConnection) {
  connected();
  welcomed(1);
  EXPECT_EQ(batch(1, 100), "credit 200");
  connected();
  welcomed(2);
  EXPECT_EQ(batch(2, 60), "credit 160");
}

TEST_F(ReceiveSessionTest, SaysSomethingAtEachHeartbeat) {
  connected();
  welcomed(1);
  EXPECT_EQ(idle(1999ms), "");
  EXPECT_EQ(idle(1ms), "credit 100 ?");
  EXPECT_EQ(idle(1999ms), "");
  says(Alive{{7}, {1}});
  EXPECT_EQ(idle(1ms), "credit 100 ?");
}

TEST_F(ReceiveSessionTest, SaysSomethingAsOftenAsTheRelayAsks) {
  connected();
  says(Welcome{1, 42, {7}, {1}, 1000, 500});
  EXPECT_EQ(idle(500ms), "credit 100 ?");
}

TEST_F(ReceiveSessionTest, ReconnectsWhenTheRelayIsSilent) {
  connected();
  EXPECT_EQ(idle(5s), "");
  EXPECT_EQ(idle(1ms), "reconnect: no answer");
  EXPECT_EQ(connected(), "hello");
  EXPECT_EQ(idle(5s), "") << "a new connection has its own time";
  welcomed(1);
  EXPECT_EQ(idle(3s), "credit 100 ?");
  EXPECT_EQ(idle(2001ms), "credit 100 ?, reconnect: no answer");
  EXPECT_FALSE(session.is_open());
}

TEST_F(ReceiveSessionTest, TakesAnythingFromTheRelayForASignOfLife) {
  connected();
  welcomed(1);
  EXPECT_EQ(idle(4s), "credit 100 ?, credit 100 ?");
  batch(1, 1);
  EXPECT_EQ(idle(4s), "credit 101 ?, credit 101 ?");
  says(Alive{{7}, {2}});
  EXPECT_EQ(idle(4s), "credit 101 ?, credit 101 ?");
}

// Stopped by a debugger, or busy with a batch: what the relay said meanwhile is still to be read.
TEST_F(ReceiveSessionTest, DoesNotBlameTheRelayForItsOwnAbsence) {
  connected();
  welcomed(1);
  now = now + 1h;
  EXPECT_EQ(word_of(session.on_idle(now)), "credit 100 ?");
  EXPECT_TRUE(session.is_open());
  EXPECT_TRUE(idle(5001ms).ends_with("reconnect: no answer"));
}

TEST_F(ReceiveSessionTest, ReconnectsAfterAByeUnlessItWasRefused) {
  for (const ByeReason reason :
       {ByeReason::unknown_session, ByeReason::too_slow, ByeReason::silent}) {
    connected();
    welcomed(1);
    EXPECT_EQ(says(Bye{reason, ""}), "reconnect: " + std::string(name_of(reason)));
    EXPECT_FALSE(session.is_open());
  }
  connected();
  EXPECT_EQ(says(Bye{ByeReason::refused, "bad pattern"}),
            "give up: the relay refused: bad pattern");
}

TEST_F(ReceiveSessionTest, TakesItsLeaveOfARelayThatStops) {
  connected();
  welcomed(1);
  EXPECT_EQ(says(Bye{ByeReason::closing, "the relay stops"}), "leave");
  EXPECT_FALSE(session.is_open());
}

TEST_F(ReceiveSessionTest, ReportsNoGapOnTheFirstConnection) {
  connected();
  welcomed(500);
  EXPECT_EQ(gap(), "none");
}

TEST_F(ReceiveSessionTest, ReportsWhatPassedWithoutAConnectionOnce) {
  connected();
  welcomed(1);
  batch(9, 10);
  connected();
  welcomed(20);
  EXPECT_EQ(gap(), "7:10-19");
  EXPECT_EQ(gap(), "none");
}

TEST_F(ReceiveSessionTest, ReportsNoGapWhenNothingPassed) {
  connected();
  welcomed(1);
  batch(9, 10);
  connected();
  welcomed(10);
  EXPECT_EQ(gap(), "none");
}

TEST_F(ReceiveSessionTest, ReportsNothingASecondTimeThatAGapAlreadySaid) {
  connected();
  welcomed(1);
  says(Gap{{7}, {1}, {9}, 9, GapReason::overflow});
  connected();
  welcomed(10);
  EXPECT_EQ(gap(), "none");
}

TEST_F(ReceiveSessionTest, ReportsAGapWithoutAnEndAcrossEpochs) {
  connected();
  welcomed(1);
  batch(9, 10);
  connected();
  welcomed(1, 8);
  EXPECT_EQ(gap(), "7:10-0");
}

TEST_F(ReceiveSessionTest, GoesOnWhereItWasAfterAReconnect) {
  EXPECT_EQ(connected(), "hello");
  EXPECT_EQ(connected(), "hello") << "nobody has welcomed it yet";
  welcomed(4);
  EXPECT_EQ(connected(), "hello from 7:4");
  welcomed(4);
  batch(9, 10);
  EXPECT_EQ(connected(), "hello from 7:10");
  EXPECT_EQ(connected(), "hello from 7:10");
  EXPECT_EQ(welcomed(10), "credit 100 ?") << "asks where the present is";
  EXPECT_EQ(gap(), "none");
}

TEST_F(ReceiveSessionTest, GoesOnAtThePresentIfItIsToldNotToResume) {
  begin_anew([](auto& options) {
    options.resume = false;
    options.hello.since_us = 5;
  });
  EXPECT_EQ(connected(), "hello since 5");
  EXPECT_EQ(connected(), "hello since 5") << "nobody has welcomed it yet";
  welcomed(1);
  batch(9, 10);
  EXPECT_EQ(connected(), "hello");
  EXPECT_EQ(welcomed(20), "");
  EXPECT_EQ(gap(), "7:10-19");
}

TEST_F(ReceiveSessionTest, BeginsAtATimeOnceAndThenGoesOnWhereItWas) {
  begin_anew([](auto& options) { options.hello.since_us = 5; });
  EXPECT_EQ(connected(), "hello since 5");
  EXPECT_EQ(welcomed(30), "credit 100 ?");
  EXPECT_EQ(gap(), "none");
  batch(39, 10);
  EXPECT_EQ(connected(), "hello from 7:40");
}

TEST_F(ReceiveSessionTest, BeginsAtAnEventAndSaysIfTheRelayCannot) {
  begin_anew([](auto& options) {
    options.hello.resume_epoch = {6};
    options.hello.resume_sequence = {3};
  });
  EXPECT_EQ(connected(), "hello from 6:3");
  welcomed(5, 6);
  EXPECT_EQ(gap(), "6:3-4");
  connected();
  welcomed(5, 6);
  EXPECT_EQ(gap(), "none");
  connected();
  welcomed(1, 7);
  EXPECT_EQ(gap(), "6:5-0");
}

TEST_F(ReceiveSessionTest, GoesFromOneEpochToTheNextInOneSession) {
  connected();
  welcomed(1);
  batch(9, 10);
  connected();
  welcomed(10);
  batch(12, 10);
  batch(2, 10, 8);
  EXPECT_EQ(gap(), "none");
  EXPECT_EQ(connected(), "hello from 8:3");
}

TEST_F(ReceiveSessionTest, GoesToANewEpochByWayOfAGap) {
  connected();
  welcomed(1);
  says(Gap{{8}, {1}, {5}, 0, GapReason::retention});
  EXPECT_EQ(connected(), "hello from 8:6");
}

TEST_F(ReceiveSessionTest, KnowsWhatOfABatchIsNew) {
  connected();
  welcomed(4);
  EXPECT_EQ(session.first_new({7}), Sequence{4});
  batch(9, 10);
  EXPECT_EQ(session.first_new({7}), Sequence{10});
  batch(6, 10);
  EXPECT_EQ(session.first_new({7}), Sequence{10}) << "an old batch takes nothing back";
  connected();
  welcomed(2);
  EXPECT_EQ(session.first_new({7}), Sequence{10}) << "a relay that begins too early neither";
  EXPECT_EQ(gap(), "none");
  EXPECT_EQ(session.first_new({8}), Sequence{1});
}

TEST_F(ReceiveSessionTest, MovesPastWhatDidNotMatchWhenTheRelaySaysSo) {
  connected();
  welcomed(1);
  says(Alive{{7}, {90}, {7}, {80}});
  EXPECT_EQ(connected(), "hello from 7:80");
  says(Alive{{7}, {99}, {7}, {95}});
  EXPECT_EQ(connected(), "hello from 7:80") << "that was for a connection which had no Welcome";
  welcomed(80);
  says(Alive{{8}, {20}, {7}, {70}});
  EXPECT_EQ(connected(), "hello from 7:80");
  welcomed(80);
  says(Alive{{8}, {20}, {8}, {1}});
  EXPECT_EQ(connected(), "hello from 8:1") << "nothing more of the epoch before";
}

TEST_F(ReceiveSessionTest, IsAtThePresentAtOnceIfItAsksForNothingElse) {
  connected();
  EXPECT_FALSE(session.is_at_present());
  welcomed(40);
  EXPECT_TRUE(session.is_at_present());
}

TEST_F(ReceiveSessionTest, ReachesThePresentOfItsWelcome) {
  begin_anew([](auto& options) { options.hello.since_us = 5; });
  connected();
  welcomed(30);
  EXPECT_FALSE(session.is_at_present()) << "it does not know where that is";
  says(Alive{{7}, {50}, {7}, {30}});
  batch(45, 10);
  EXPECT_FALSE(session.is_at_present());
  says(Alive{{7}, {70}, {7}, {50}});
  EXPECT_TRUE(session.is_at_present()) << "what came since is not of the past";
  connected();
  EXPECT_FALSE(session.is_at_present());
  welcomed(50);
  EXPECT_FALSE(session.is_at_present()) << "there may be more by now";
}

TEST_F(ReceiveSessionTest, AsksOftenWhileItIsOnItsWayToThePresent) {
  begin_anew([](auto& options) { options.hello.since_us = 5; });
  connected();
  welcomed(30);
  EXPECT_EQ(idle(99ms), "");
  EXPECT_EQ(idle(1ms), "credit 100 ?");
  says(Alive{{7}, {30}, {7}, {30}});
  EXPECT_EQ(idle(1900ms), "");
  EXPECT_EQ(idle(100ms), "credit 100 ?");
}

TEST_F(ReceiveSessionTest, KnowsTheNewestSequenceForItsLag) {
  connected();
  welcomed(5);
  EXPECT_EQ(session.newest_known(), Sequence{5});
  says(Alive{{7}, {90}});
  EXPECT_EQ(session.newest_known(), Sequence{90});
  batch(100, 1);
  EXPECT_EQ(session.newest_known(), Sequence{101});
}

}  // namespace
}  // namespace xylem
