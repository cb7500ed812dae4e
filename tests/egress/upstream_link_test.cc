// Goal    batches keep their numbers, which may be left out only when nothing is under way, and
//         what is under way can be taken away whole.
// Method  a link to nobody; its numbers alone.

#include "relay/egress/upstream_link.h"

#include <gtest/gtest.h>

#include "relay/codec/batch_codec.h"
#include "tests/doubles/batches.h"
#include "tests/doubles/manual_clock.h"
#include "tests/doubles/sockets.h"
#include "tests/doubles/tested_engine.h"

namespace xylem {
namespace {

class UpstreamLinkTest : public ::testing::Test {
 protected:
  UpstreamLink::Options options() {
    UpstreamLink::Options made;
    made.relay = folder.ipc("nobody");
    return made;
  }
  void offer(std::uint64_t number, std::size_t events = 1) {
    link.offer(testing::batch_of("a", events), {number}, {{7}, {number}});
  }
  testing::TempDir folder;
  testing::ManualClock clock;
  Context context{testing::tested_engine()};
  UpstreamLink link{options(), context, {95}, {5}, clock};
};

TEST_F(UpstreamLinkTest, BeginsWithTheNumberItWasTold) {
  EXPECT_EQ(link.next_number(), BatchNumber{5});
  offer(5);
  offer(6);
  EXPECT_EQ(link.next_number(), BatchNumber{7});
}

TEST_F(UpstreamLinkTest, LeavesNumbersOutOnlyWhenNothingIsUnderWay) {
  EXPECT_TRUE(link.can_take({9}));
  offer(9);
  EXPECT_TRUE(link.can_take({10}));
  EXPECT_FALSE(link.can_take({11}));
}

TEST_F(UpstreamLinkTest, StampsEachBatchWithItsSourceAndNumber) {
  offer(5);
  const BatchOrigin origin = link.under_way()[0].batch->stamped_origin();
  EXPECT_EQ(origin.source, SourceId{95});
  EXPECT_EQ(origin.number, BatchNumber{5});
}

TEST_F(UpstreamLinkTest, WantsNothingBeforeItIsWelcome) { EXPECT_FALSE(link.wants_more()); }

TEST_F(UpstreamLinkTest, GivesUpWhatIsUnderWayAndBeginsAnew) {
  offer(5, 2);
  offer(6, 3);
  const auto taken = link.abandon({96});
  ASSERT_EQ(taken.size(), 2u);
  EXPECT_EQ(taken[1].events, 3u);
  EXPECT_EQ(taken[1].begin, (LogPosition{{7}, {6}}));
  EXPECT_TRUE(link.under_way().empty());
  EXPECT_EQ(link.next_number(), BatchNumber{1});
  EXPECT_EQ(link.source(), SourceId{96});
  EXPECT_EQ(link.settle(), 0u);
}

// A counter that fell would be taken for a relay's restart.
TEST_F(UpstreamLinkTest, CountsWhatItSentAgainOverAllItsNames) {
  Socket relay(context, SocketKind::router, {});
  ASSERT_TRUE(relay.bind(folder.ipc("nobody")));
  std::string peer;
  // Works until a frame has come to the relay, and says whether that is a batch.
  const auto next_is_batch = [&] {
    Frame frame;
    while (!relay.receive(frame)) {
      static_cast<void>(link.do_work(clock.now()));
      pollfd wait{relay.fd(), POLLIN, 0};
      if (!relay.readable()) ::poll(&wait, 1, 10);
    }
    peer = frame.text();
    EXPECT_TRUE(relay.receive(frame));
    return is_batch_frame(frame.bytes());
  };
  const auto say = [&](const Control& control) {
    Frame identity{std::string_view(peer)};
    ASSERT_EQ(relay.send(identity, true), SendOutcome::sent);
    Frame frame(write_control(control));
    ASSERT_EQ(relay.send(frame), SendOutcome::sent);
  };
  SourceWelcome welcome;
  welcome.session = 3;
  welcome.acked = {4};
  welcome.window_bytes = 1 << 20;
  welcome.frame_bytes_max = 1 << 20;
  offer(5);
  EXPECT_FALSE(next_is_batch()) << "a Hello";
  say(welcome);
  EXPECT_TRUE(next_is_batch());
  EXPECT_EQ(link.resent(), 0u);
  say(Bye{ByeReason::unknown_session, "say Hello first"});
  EXPECT_FALSE(next_is_batch()) << "a Hello";
  say(welcome);
  EXPECT_TRUE(next_is_batch());
  EXPECT_EQ(link.resent(), 1u);
  static_cast<void>(link.abandon({96}));
  EXPECT_EQ(link.resent(), 1u);
}

}  // namespace
}  // namespace xylem
