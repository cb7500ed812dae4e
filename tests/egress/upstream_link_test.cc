// Goal    batches keep their numbers, which may be left out only when nothing is under way, and
//         what is under way can be taken away whole.
// Method  a link to nobody; its numbers alone.

#include "relay/egress/upstream_link.h"

#include <gtest/gtest.h>

#include "tests/doubles/batches.h"
#include "tests/doubles/manual_clock.h"
#include "tests/doubles/sockets.h"

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
  Context context;
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

}  // namespace
}  // namespace xylem
