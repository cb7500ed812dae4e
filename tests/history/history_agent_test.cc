// Goal    readers take turns, whatever each of them has to pass over; one gets only what its filter
//         wants, with what lies between counted; a place is found without what lies before.
// Method  a log on disk; the stream's end is played by hand.

#include "relay/history/history_agent.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "tests/doubles/log_on_disk.h"

namespace xylem {
namespace {

class HistoryAgentTest : public ::testing::Test {
 protected:
  void SetUp() override {
    log.options.bytes_max = 64 << 20;
    log.options.segment_bytes = 16 << 20;
    log.open();
    link.join(bell, bell);
  }
  std::uint64_t begin(std::uint64_t sequence, const std::string& pattern = "#") {
    HistoryOrder order;
    order.place = {log.epoch, {sequence}};
    order.filter = TopicFilter::parse({pattern}).value();
    return link.begin(std::move(order));
  }
  std::uint64_t begin_since(std::int64_t since_us) {
    HistoryOrder order;
    order.what = HistoryOrder::What::begin_since;
    order.since_us = since_us;
    order.filter = TopicFilter::parse({}).value();
    return link.begin(std::move(order));
  }
  // Turns of the agent until the reader is answered.
  int turns_until(std::uint64_t reader) {
    int turns = 0;
    for (link.send(now); link.receive(), link.helping(reader) == nullptr; ++turns) {
      if (agent.do_work(now) == 0) return -1;
    }
    return turns;
  }
  // "1-2 3-4 (5)": batches, and in parentheses how many events nobody wanted.
  std::string pieces(std::uint64_t reader) {
    std::string told;
    for (const HistoryPiece& piece : link.helping(reader)->pieces) {
      told += piece.batch
                  ? fmt::format("{}-{} ", piece.begin.sequence.value, piece.end.sequence.value - 1)
                  : fmt::format("({}) ", piece.events);
    }
    return told;
  }
  void write(std::size_t batches, std::size_t events = 500) {
    for (std::size_t i = 0; i < batches; ++i) {
      log.now_us += 1'000;
      ASSERT_EQ(log.append(events), LogWriter::Outcome::written);
    }
  }

  testing::LogOnDisk log;
  std::map<std::uint64_t, Sequence> at_;  // how far each reader is
  Doorbell bell;
  Instant now{std::chrono::hours(1)};
  HistoryLink link{{}};
  HistoryAgent agent{[this] { return log.spool->reader(HistoryAgent::kPassBytes); }, link};
};

TEST_F(HistoryAgentTest, GivesWhatTheFilterWantsAndCountsTheRest) {
  write(3, 2);
  const std::uint64_t all = begin(2);
  const std::uint64_t none = begin(1, "worker.#");
  ASSERT_GE(turns_until(none), 0);
  EXPECT_EQ(pieces(all), "2-2 3-4 5-6 ");
  EXPECT_EQ(pieces(none), "(6) ");
  EXPECT_EQ(link.helping(none)->pieces[0].end, (LogPosition{log.epoch, {7}}));
}

TEST_F(HistoryAgentTest, GoesOnWhenTheLogGrows) {
  write(1, 2);
  const std::uint64_t reader = begin(1);
  ASSERT_GE(turns_until(reader), 0);
  link.go_on(reader);
  EXPECT_EQ(turns_until(reader), -1) << "there is no more";
  EXPECT_FALSE(agent.has_work());
  write(1, 2);
  EXPECT_TRUE(agent.has_work());
  ASSERT_GE(turns_until(reader), 0);
  EXPECT_EQ(pieces(reader), "3-4 ");
}

TEST_F(HistoryAgentTest, KeepsAHelpingSmall) {
  write(100);
  const std::uint64_t reader = begin(1);
  ASSERT_GE(turns_until(reader), 0);
  EXPECT_LT(link.helping(reader)->bytes, 2 * HistoryLink::kHelpingBytes);
}

// The log was there before this life: nobody knows the places in it yet.
TEST_F(HistoryAgentTest, LetsNobodyWaitForALongSearch) {
  write(300);
  const std::uint64_t last = log.next - 1;
  log.finish();
  log.open();
  log.epoch = {1};
  const std::uint64_t late = begin(last);
  const std::uint64_t early = begin(1);
  EXPECT_LE(turns_until(early), 3);
  const int turns = turns_until(late);
  EXPECT_GT(turns, 10) << "megabytes lie before it";
  EXPECT_LE(turns_until(begin(last)), 8) << "now they are known";
}

TEST_F(HistoryAgentTest, FindsATimeWithoutWhatLiesBefore) {
  write(300);
  const std::uint64_t reader = begin_since(log.now_us - 500);
  EXPECT_LE(turns_until(reader), 8);
  EXPECT_EQ(link.helping(reader)->begin, (LogPosition{log.epoch, {log.next - 500}}));
}

TEST_F(HistoryAgentTest, SaysThatALogHasNothingSoNew) {
  write(2);
  const std::uint64_t reader = begin_since(log.now_us + 1);
  ASSERT_GE(turns_until(reader), 0);
  EXPECT_FALSE(link.helping(reader)->begin);
}

TEST_F(HistoryAgentTest, ReadsForMoreThanItMayHaveFilesOpen) {
  write(20, 100);
  std::vector<std::uint64_t> readers;
  for (int i = 0; i < 40; ++i) {
    readers.push_back(begin(1));
    at_[readers.back()] = {1};
  }
  for (int round = 0; round < 200; ++round) {
    now = now + std::chrono::seconds(1);
    link.send(now);
    while (agent.do_work(now) != 0) {
    }
    link.receive();
    for (const std::uint64_t reader : readers) {
      const HistoryHelping* helping = link.helping(reader);
      if (helping == nullptr) continue;
      for (const HistoryPiece& piece : helping->pieces) {
        EXPECT_EQ(piece.begin.sequence, at_[reader]) << reader;
        at_[reader] = piece.end.sequence;
      }
      link.go_on(reader);
    }
  }
  for (const std::uint64_t reader : readers) EXPECT_EQ(at_[reader], Sequence{log.next}) << reader;
}

}  // namespace
}  // namespace xylem
