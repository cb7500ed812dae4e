// Goal    the way from any place in the past to the present gives every event that is still kept
//         once and in order, and a gap in the place of what is not.
// Method  a log of records in a vector, a real retention, the history's agent in turns on this
// thread;
//         by example, and with random bounds.

#include "relay/history/way_back.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <vector>

#include "relay/history/history_agent.h"
#include "tests/doubles/batches.h"
#include "tests/doubles/chance.h"

namespace xylem {
namespace {

constexpr Epoch kBefore{6};
constexpr Epoch kNow{7};

// What a log on disk answers, from records in memory. `written` of them can be read.
class ListedLog final : public LogHistory {
 public:
  // It knows that the epoch before had so much, whether or not it can be read.
  ListedLog(const std::vector<BatchRef>& records, const std::size_t& written,
            Sequence end_of_before, const LogPosition& passed_to)
      : records_(records),
        written_(written),
        end_of_before_(end_of_before),
        passed_to_(passed_to) {}
  void seek(Epoch epoch, Sequence sequence) override {
    for (at_ = 0; at_ < records_.size(); ++at_) {
      const Batch& record = *records_[at_];
      if (std::pair(record.epoch(), record.first_sequence().after(record.size())) >
          std::pair(epoch, sequence))
        return;
    }
  }
  void seek(std::int64_t since_us) override {
    for (at_ = 0; at_ < records_.size() && records_[at_]->received_us() < since_us;) ++at_;
  }
  BatchRef read() override { return has_more() ? records_[at_++] : BatchRef(); }
  bool has_more() const override { return at_ < std::min(written_, records_.size()); }
  LogPosition passed_to() const override { return passed_to_; }
  void rest() override {}
  Sequence end_of(Epoch epoch) const override {
    return epoch == kBefore ? end_of_before_ : Sequence{0};
  }
  bool reaches(Epoch epoch, Sequence sequence) const override {
    if (records_.empty()) return false;
    const Batch& oldest = *records_.front();
    return std::pair(oldest.epoch(), oldest.first_sequence()) <= std::pair(epoch, sequence);
  }
  bool reaches(std::int64_t since_us) const override {
    return !records_.empty() && records_.front()->received_us() <= since_us;
  }

 private:
  const std::vector<BatchRef>& records_;
  const std::size_t& written_;
  Sequence end_of_before_;
  const LogPosition& passed_to_;
  std::size_t at_ = 0;
};

class WayBackTest : public ::testing::Test {
 protected:
  BatchRef batch(Epoch epoch, std::uint64_t first, std::size_t events, std::int64_t at_us) {
    auto made = testing::batch_of("a", events);
    made->stamp(epoch, {first}, at_us);
    return BatchRef(std::move(made));
  }
  // Passes through the relay: into the log and into memory.
  void pass(std::size_t events, std::int64_t at_us) {
    const BatchRef made = batch(kNow, next, events, at_us);
    next += events;
    log.push_back(made);
    ++written;
    kept->add(made);
  }
  // Its quota has no room for these.
  void drop(std::size_t events) {
    kept->add(batch(kNow, next, events, 10));
    next += events;
    passed_to = {kNow, {next}};
  }
  void log_of_before(std::uint64_t first, std::size_t events, std::int64_t at_us) {
    log.push_back(batch(kBefore, first, events, at_us));
    ++written;
  }
  void keep(std::uint64_t bytes) {
    kept.emplace(Retention::Options{.bytes_max = bytes, .age_max = std::chrono::hours(1)});
  }
  WayBack way(bool with_log = true) { return {kNow, *kept, with_log ? &link : nullptr, filter}; }
  // What the threads of the stream and of the history would do; nothing, if it was nothing.
  std::size_t exchange() {
    now = now + std::chrono::seconds(1);
    return link.receive() + link.send(now) + agent.do_work(now);
  }
  std::optional<WayBack::Piece> next_of(WayBack& way) {
    for (;;) {
      if (auto piece = way.next()) return piece;
      if (exchange() == 0 && !way.has_next()) return std::nullopt;
    }
  }
  // All that the way gives until it has nothing more: "6:3-4 7:1-2 gap 7:3-5 ".
  std::string walk(WayBack& way) {
    std::string told;
    while (const auto piece = next_of(way)) {
      if (piece->gap) {
        told += fmt::format("gap {}:{}-{} ", piece->gap->epoch.value, piece->gap->first.value,
                            piece->gap->last.value);
      } else {
        const auto all = testing::sequences(*piece->batch);
        told += fmt::format("{}:{}-{} ", piece->batch->epoch().value, all.front(), all.back());
      }
    }
    return told;
  }
  std::string from(Epoch epoch, std::uint64_t sequence, bool with_log = true) {
    WayBack made = way(with_log);
    made.begin_at(epoch, {sequence});
    const std::string told = walk(made);
    return told + (made.at_end() ? "end" : "");
  }
  double sampled(Metric metric) {
    Samples samples;
    link.sample(samples);
    for (const Sample& sample : samples) {
      if (sample.metric == metric) return sample.value;
    }
    return -1;
  }
  std::string since(std::int64_t at_us, bool with_log = true) {
    WayBack made = way(with_log);
    made.begin_since(at_us);
    const std::string told = walk(made);
    return told + (made.at_end() ? "end" : "");
  }
  void SetUp() override {
    keep(1 << 20);
    link.join(bell, bell);
  }

  std::vector<BatchRef> log;
  std::size_t written = 0;
  LogPosition passed_to;
  Sequence end_of_before{0};
  std::optional<Retention> kept;
  std::uint64_t next = 1;
  TopicFilter filter = TopicFilter::parse({}).value();
  Instant now{std::chrono::hours(1)};
  Doorbell bell;
  HistoryLink link{{}};
  HistoryAgent agent{
      [this] { return std::make_unique<ListedLog>(log, written, end_of_before, passed_to); }, link};
};

TEST_F(WayBackTest, ComesFromMemoryWhileMemoryReachesBack) {
  pass(3, 10);
  pass(2, 20);
  EXPECT_EQ(from(kNow, 1, false), "7:1-3 7:4-5 end");
  EXPECT_EQ(from(kNow, 4, false), "7:4-5 end");
  EXPECT_EQ(from(kNow, 6, false), "end");
}

TEST_F(WayBackTest, BeginsInTheMiddleOfABatch) {
  pass(5, 10);
  EXPECT_EQ(from(kNow, 3), "7:3-5 end");
}

TEST_F(WayBackTest, SaysWhatIsNoLongerKept) {
  keep(0);
  pass(5, 10);
  EXPECT_EQ(from(kNow, 2, false), "gap 7:2-5 end");
}

TEST_F(WayBackTest, TakesFromTheLogWhatMemoryHasNot) {
  keep(batch(kNow, 1, 2, 0)->footprint());
  pass(2, 10);
  pass(2, 20);
  pass(2, 30);
  EXPECT_EQ(from(kNow, 1), "7:1-2 7:3-4 7:5-6 end");
  EXPECT_EQ(from(kNow, 4), "7:4-4 7:5-6 end");
}

TEST_F(WayBackTest, WaitsForTheLogsWriterWhereMemoryHasLetGo) {
  keep(0);
  pass(2, 10);
  pass(2, 20);
  written = 1;
  WayBack made = way();
  made.begin_at(kNow, {1});
  EXPECT_EQ(walk(made), "7:1-2 ");
  EXPECT_FALSE(made.at_end());
  written = 2;
  EXPECT_EQ(walk(made), "7:3-4 ");
  EXPECT_TRUE(made.at_end());
}

TEST_F(WayBackTest, WaitsForNothingThatTheLogHadNoRoomFor) {
  log_of_before(1, 3, 1);
  keep(0);
  WayBack early = way();
  early.begin_at(kBefore, {2});
  EXPECT_EQ(walk(early), "6:2-3 ");
  drop(5);
  EXPECT_EQ(walk(early), "gap 7:1-5 ");
  EXPECT_TRUE(early.at_end());
  EXPECT_EQ(from(kBefore, 3), "6:3-3 gap 7:1-5 end");
  EXPECT_EQ(from(kNow, 4), "gap 7:4-5 end");
  pass(2, 20);
  EXPECT_EQ(from(kNow, 4), "gap 7:4-5 7:6-7 end");
}

TEST_F(WayBackTest, GivesFromMemoryWhatTheLogHadNoRoomFor) {
  log_of_before(1, 3, 1);
  drop(5);
  EXPECT_EQ(from(kBefore, 2), "6:2-3 7:1-5 end");
}

TEST_F(WayBackTest, GoesThroughTheEpochsInOrder) {
  log_of_before(1, 3, 1);
  log_of_before(4, 2, 2);
  keep(0);
  pass(2, 10);
  EXPECT_EQ(from(kBefore, 3), "6:3-3 6:4-5 7:1-2 end");
}

TEST_F(WayBackTest, NamesWhatAnEpochThatEndedHadAndCannotBeRead) {
  log_of_before(1, 3, 1);
  end_of_before = {9};
  pass(2, 10);
  EXPECT_EQ(from(kBefore, 2), "6:2-3 gap 6:4-8 7:1-2 end");
  EXPECT_EQ(from(kBefore, 9), "7:1-2 end");
}

TEST_F(WayBackTest, GoesOnInMemoryBehindAnEpochThatEnded) {
  log_of_before(1, 3, 1);
  pass(2, 10);
  EXPECT_EQ(from(kBefore, 4), "7:1-2 end") << "nothing of it was left";
}

TEST_F(WayBackTest, SaysThatNobodyKnowsHowAnEpochEnded) {
  pass(2, 10);
  EXPECT_EQ(from(kBefore, 4), "gap 6:4-0 7:1-2 end");
}

TEST_F(WayBackTest, NamesAHoleInTheLog) {
  log_of_before(1, 3, 1);
  log_of_before(9, 2, 2);
  EXPECT_EQ(from(kBefore, 1), "6:1-3 gap 6:4-8 6:9-10 ");
}

// After a sync that failed, what was not on the disk is written again.
TEST_F(WayBackTest, PassesOverRecordsThatStandTwice) {
  log_of_before(1, 3, 1);
  log_of_before(2, 4, 1);
  log_of_before(6, 1, 1);
  EXPECT_EQ(from(kBefore, 1), "6:1-3 6:4-5 6:6-6 ");
}

TEST_F(WayBackTest, GivesAllThatIsKnownToOneFromTheFuture) {
  pass(2, 10);
  EXPECT_EQ(from(kNow, 50), "7:1-2 end");
  EXPECT_EQ(from({99}, 1), "7:1-2 end");
  EXPECT_EQ(from(kBefore, 1, false), "7:1-2 end") << "a relay without a log knows no other epoch";
}

TEST_F(WayBackTest, BeginsAtATime) {
  pass(2, 100);
  pass(2, 200);
  EXPECT_EQ(since(150, false), "7:3-4 end");
  EXPECT_EQ(since(201, false), "end");
  EXPECT_EQ(since(0, false), "7:1-2 7:3-4 end");
}

TEST_F(WayBackTest, SaysThatItBeginsLaterThanTheTimeAskedFor) {
  keep(batch(kNow, 1, 2, 0)->footprint());
  pass(2, 100);
  pass(2, 200);
  EXPECT_EQ(since(100, false), "gap 7:1-2 7:3-4 end");
  EXPECT_EQ(since(101, false), "7:3-4 end") << "nothing that is gone was asked for";
  kept->trim(3'600'000'201);
  EXPECT_EQ(since(200, false), "gap 7:1-4 end");
  EXPECT_EQ(since(201, false), "end");
}

TEST_F(WayBackTest, BeginsAtATimeThatOnlyTheLogKnows) {
  log_of_before(1, 1, 1);
  log_of_before(2, 1, 3);
  keep(0);
  pass(2, 100);
  EXPECT_EQ(since(2), "6:2-2 7:1-2 end");
  EXPECT_EQ(since(100), "7:1-2 end");
}

TEST_F(WayBackTest, SaysThatAlsoTheLogBeginsLaterThanTheTimeAskedFor) {
  log_of_before(3, 2, 3);
  keep(0);
  pass(2, 100);
  EXPECT_EQ(since(2), "gap 6:1-2 6:3-4 7:1-2 end");
  EXPECT_EQ(since(3), "6:3-4 7:1-2 end") << "nothing that is gone was asked for";
}

TEST_F(WayBackTest, SaysThatALogWhichBeginsWithAnEpochHasLostThoseBefore) {
  keep(0);
  pass(2, 100);
  EXPECT_EQ(since(99), "gap 6:1-0 7:1-2 end");
  EXPECT_EQ(since(100), "7:1-2 end");
}

// The writer is ahead of this thread, and its quota had no room for what memory has.
TEST_F(WayBackTest, NeverRunsAheadOfMemory) {
  keep(2 * batch(kNow, 1, 2, 0)->footprint());
  pass(2, 10);
  pass(2, 20);
  pass(2, 30);
  log = {batch(kNow, 7, 2, 40)};
  written = 1;
  EXPECT_EQ(from(kNow, 1), "gap 7:1-2 7:3-4 7:5-6 end");
  EXPECT_EQ(from(kNow, 3), "7:3-4 7:5-6 end");
  EXPECT_EQ(since(15), "gap 7:1-2 7:3-4 7:5-6 end") << "the log says that some are gone";
  log_of_before(1, 3, 1);
  std::swap(log[0], log[1]);
  EXPECT_EQ(from(kBefore, 2), "6:2-3 gap 7:1-2 7:3-4 7:5-6 end");
}

TEST_F(WayBackTest, DoesNotKnowWhereATimeBeginsBeforeTheLogWasSearched) {
  log_of_before(1, 1, 1);
  keep(0);
  pass(2, 100);
  WayBack made = way();
  made.begin_since(1);
  EXPECT_FALSE(made.has_begun());
  EXPECT_FALSE(made.at_end());
  while (exchange() != 0) {
  }
  EXPECT_TRUE(made.has_begun());
  EXPECT_EQ(made.place(), (LogPosition{kBefore, {1}}));
}

// The clock was set back once: what came later bears an earlier time, and is news all the same.
TEST_F(WayBackTest, OnlyFindsTheBeginningByTime) {
  log_of_before(1, 1, 5);
  log_of_before(2, 1, 9);
  log_of_before(3, 1, 2);
  EXPECT_EQ(since(6), "6:2-2 6:3-3 ");
}

TEST_F(WayBackTest, GivesBackWhatItsSubscriberDoesNotTakeAndReadsItAgain) {
  log_of_before(1, 2, 1);
  log_of_before(3, 2, 1);
  WayBack made = way();
  made.begin_at(kBefore, {1});
  EXPECT_TRUE(next_of(made)) << "the first of two";
  EXPECT_TRUE(made.has_next());
  made.review(true);
  EXPECT_TRUE(made.has_next());
  EXPECT_EQ(sampled(Metric::history_readers), 1);
  EXPECT_GT(sampled(Metric::history_bytes), 0);
  made.review(false);
  while (exchange() != 0) {
  }
  EXPECT_EQ(sampled(Metric::history_readers), 0);
  EXPECT_EQ(sampled(Metric::history_bytes), 0);
  EXPECT_EQ(walk(made), "6:3-4 ");
}

TEST_F(WayBackTest, GivesEverythingOnceWhateverIsWhere) {
  for (const std::uint64_t seed : testing::seeds(200)) {
    SCOPED_TRACE(testing::named(seed));
    testing::Chance chance(seed);
    log.clear();
    written = 0;
    next = 1;
    keep(chance.between(0, 3000));
    std::uint64_t before = 1;
    // An epoch of which the log has nothing ends in a gap; that has its own test.
    for (std::size_t n = chance.between(1, 5); n > 0; --n) {
      const std::size_t events = chance.between(1, 4);
      log_of_before(before, events, 1);
      before += events;
    }
    std::vector<std::uint64_t> expected;
    const std::uint64_t start = chance.between(1, before);
    for (std::uint64_t sequence = start; sequence < before; ++sequence)
      expected.push_back(sequence);
    WayBack made = way();
    std::vector<std::uint64_t> got;
    const auto step = [&] {
      const auto piece = next_of(made);
      if (!piece) return false;
      EXPECT_FALSE(piece->gap);
      if (piece->gap) return false;
      for (const std::uint64_t sequence : testing::sequences(*piece->batch)) {
        got.push_back(sequence);
      }
      return true;
    };
    made.begin_at(kBefore, {start});
    for (int turns = 0; turns < 40; ++turns) {
      chance.one_in(2) ? pass(chance.between(1, 4), 10) : static_cast<void>(step());
    }
    while (step()) {
    }
    for (std::uint64_t sequence = 1; sequence < next; ++sequence) expected.push_back(sequence);
    EXPECT_EQ(got, expected);
    EXPECT_TRUE(made.at_end() || next == 1) << "or the present has not begun";
  }
}

}  // namespace
}  // namespace xylem
