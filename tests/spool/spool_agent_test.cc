// Goal    the log's progress never runs ahead of its disk, a sync serves all who wait, trouble is
//         said and ends by itself, and a stop leaves everything on the disk.
// Method  the agent's own calls on one thread over a disk in memory; time by hand.

#include "relay/spool/spool_agent.h"

#include <gtest/gtest.h>
#include <poll.h>

#include "tests/doubles/batches.h"
#include "tests/doubles/manual_clock.h"
#include "tests/doubles/simulated_disk.h"

namespace xylem {
namespace {

class SpoolAgentTest : public ::testing::Test {
 protected:
  void SetUp() override { open(); }
  void open() {
    spool = Spool::open(disk.mount(), {}).value();
    edge.emplace("spool", 64);
    edge->join(bell, bell);
    agent.emplace(SpoolAgent::Options{.sync_interval = std::chrono::seconds(1)}, *spool,
                  RecordNumber{}, progress, *edge, clock);
    agent->wake(woken);
  }
  void pass(std::size_t events, bool sync = false) { pass(events, {{}, {}, sync, 0}); }
  void pass(std::size_t events, const BatchOrigin& origin) {
    auto batch = testing::batch_of("task.sent", events);
    batch->stamp({7}, {next}, clock.wall_us());
    batch->set_origin(origin);
    next += events;
    edge->push(BatchRef(std::move(batch)).release());
  }
  void work() {
    while (agent->do_work(clock.now()) != 0) {
    }
  }
  std::uint64_t written() { return progress.written().value; }
  std::uint64_t synced() { return progress.synced().value; }
  Ledger ledger() { return agent->board().rows().at(0).figures.ledger; }

  testing::SimulatedDisk disk{1};
  testing::ManualClock clock;
  std::unique_ptr<Spool> spool;
  LogProgress progress;
  Doorbell bell, woken;
  std::optional<SinkEdge> edge;
  std::optional<SpoolAgent> agent;
  std::uint64_t next = 1;
};

TEST_F(SpoolAgentTest, SaysHowFarTheLogHasCome) {
  pass(3);
  pass(2);
  EXPECT_TRUE(agent->has_work());
  work();
  EXPECT_EQ(written(), 5u);
  EXPECT_LE(synced(), written());
  EXPECT_FALSE(agent->has_work());
}

TEST_F(SpoolAgentTest, WritesAFrameThatBecameSeveralBatchesAsAWhole) {
  const BatchOrigin piece{{}, {}, false, 0, true};
  pass(1);
  pass(2, piece);
  pass(1);  // a worker's, in between
  work();
  EXPECT_EQ(written(), 1u);
  EXPECT_FALSE(agent->has_work());
  EXPECT_EQ(ledger().held, 3u);
  EXPECT_EQ(agent->drain(clock.now()), Agent::Drain::unfinished);
  pass(2, piece);
  pass(1, {{95}, {3}, false, 0});
  EXPECT_TRUE(agent->has_work());
  work();
  EXPECT_EQ(written(), 7u);
  EXPECT_TRUE(ledger().balances());
}

TEST_F(SpoolAgentTest, SyncsAfterAWhile) {
  pass(1);
  work();
  clock.advance(std::chrono::milliseconds(900));
  pass(1);
  work();
  EXPECT_EQ(synced(), 1u) << "the first work of all syncs what it finds";
  clock.advance(std::chrono::seconds(1));
  work();
  EXPECT_EQ(synced(), 2u);
}

TEST_F(SpoolAgentTest, SyncsAtOnceForWhoWaitsAndOnceForAll) {
  for (int i = 0; i < 10; ++i) pass(1, true);
  const std::uint64_t before = disk.counts().syncs;
  work();
  EXPECT_EQ(synced(), 10u);
  EXPECT_LE(disk.counts().syncs - before, 3u) << "one for all; two of them are of a new segment";
}

TEST_F(SpoolAgentTest, BalancesItsLedger) {
  pass(3);
  work();
  EXPECT_EQ(ledger().delivered, 3u);
  EXPECT_TRUE(ledger().balances());
  disk.fail_write_after(10);
  pass(2);
  work();
  pass(4);
  work();
  clock.advance(std::chrono::seconds(2));
  work();
  EXPECT_EQ(ledger().delivered, 9u);
  EXPECT_TRUE(ledger().balances());
}

TEST_F(SpoolAgentTest, SaysItsTroubleAndTriesAgain) {
  pass(1);
  work();
  EXPECT_EQ(agent->trouble(), "");
  disk.fail_write_after(0);
  pass(1);
  work();
  EXPECT_NE(agent->trouble(), "");
  EXPECT_EQ(written(), 1u);
  work();
  EXPECT_EQ(written(), 1u) << "not at once";
  clock.advance(std::chrono::seconds(1));
  work();
  EXPECT_EQ(written(), 2u);
  EXPECT_EQ(agent->trouble(), "");
}

TEST_F(SpoolAgentTest, AcknowledgesNoSyncThatFailed) {
  pass(1, true);
  disk.fail_syncs(0);
  work();
  ASSERT_EQ(synced(), 1u);
  disk.fail_syncs(100);
  pass(1, true);
  work();
  EXPECT_EQ(written(), 2u);
  EXPECT_EQ(synced(), 1u);
  EXPECT_NE(agent->trouble(), "");
  pass(1);
  clock.advance(std::chrono::seconds(1));
  work();
  EXPECT_EQ(written(), 2u) << "and takes nothing more";
  disk.fail_syncs(0);
  clock.advance(std::chrono::seconds(1));
  work();
  clock.advance(std::chrono::seconds(1));
  work();
  EXPECT_EQ(written(), 3u);
  EXPECT_EQ(synced(), 3u);
}

TEST_F(SpoolAgentTest, TakesNothingForAFolderThatIsGone) {
  pass(1, true);
  work();
  disk.faults().gone = true;
  pass(1, true);
  work();
  EXPECT_EQ(synced(), 1u);
  EXPECT_NE(agent->trouble().find("the folder was removed"), std::string::npos);
  pass(1);
  clock.advance(std::chrono::seconds(2));
  work();
  EXPECT_EQ(written(), 2u);
  disk.faults().gone = false;
  clock.advance(std::chrono::seconds(2));
  work();
  EXPECT_EQ(agent->trouble(), "");
  EXPECT_EQ(written(), 3u);
}

TEST_F(SpoolAgentTest, NoticesThatItsFolderIsGoneWhileNothingComes) {
  work();
  disk.faults().gone = true;
  clock.advance(std::chrono::seconds(2));
  work();
  EXPECT_NE(agent->trouble(), "");
  pass(1);
  work();
  EXPECT_EQ(written(), 0u);
  disk.faults().gone = false;
  clock.advance(std::chrono::seconds(2));
  work();
  EXPECT_EQ(agent->trouble(), "");
  EXPECT_EQ(written(), 1u);
}

TEST_F(SpoolAgentTest, WakesThoseWhoWait) {
  woken.will_sleep();
  pass(1);
  work();
  pollfd wait{woken.fd(), POLLIN, 0};
  EXPECT_EQ(::poll(&wait, 1, 0), 1);
}

TEST_F(SpoolAgentTest, LeavesEverythingOnTheDiskWhenItStops) {
  pass(3);
  pass(2);
  while (agent->drain(clock.now()) == Agent::Drain::unfinished) {
  }
  EXPECT_EQ(synced(), 5u);
  EXPECT_EQ(agent->on_stop(), 0u);
  agent.reset();
  spool.reset();
  disk.lose_power();
  const auto again = Spool::open(disk.mount(), {}).value();
  ASSERT_EQ(again->catalog().segments().size(), 1u);
  EXPECT_EQ(again->catalog().segments()[0].end, Sequence{6});
}

TEST_F(SpoolAgentTest, SaysWhatItLeavesBehind) {
  pass(1);
  work();
  disk.faults().write_one_in = 1;
  pass(3);
  work();
  pass(2);
  EXPECT_EQ(agent->drain(clock.now()), Agent::Drain::unfinished);
  EXPECT_EQ(agent->on_stop(), 5u);
}

}  // namespace
}  // namespace xylem
