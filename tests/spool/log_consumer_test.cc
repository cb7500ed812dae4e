// Goal    a consumer of the log reads every event once over all its lives, and its account adds up
//         whatever the quota lets go of.
// Method  a log on disk with small segments.

#include "relay/spool/log_consumer.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>

#include "relay/base/log.h"
#include "tests/doubles/log_on_disk.h"

namespace xylem {
namespace {

// While it lives no file takes a write, as on a disk that has failed.
class NoWrites {
 public:
  NoWrites() : before_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &limit_);
    set(0);
  }
  ~NoWrites() {
    set(limit_.rlim_cur);
    static_cast<void>(std::signal(SIGXFSZ, before_));
  }
  NoWrites(const NoWrites&) = delete;
  NoWrites& operator=(const NoWrites&) = delete;

 private:
  void set(rlim_t bytes) {
    const rlimit now{bytes, limit_.rlim_max};
    EXPECT_EQ(setrlimit(RLIMIT_FSIZE, &now), 0);
  }
  rlimit limit_{};
  void (*before_)(int);
};

class LogConsumerTest : public ::testing::Test {
 protected:
  void begin() {
    consumer.emplace(*log.spool, "some.cursor");
    ASSERT_TRUE(consumer->open());
    consumer->start();
  }
  std::string take(std::size_t most = 1000) {
    std::string told;
    for (std::size_t n = 0; n < most; ++n) {
      const auto entry = consumer->next();
      if (!entry) break;
      taken += entry->batch->size();
      told += testing::LogOnDisk::said(*entry->batch);
    }
    return told;
  }
  Ledger ledger() {
    Ledger made;
    made.delivered = taken;
    consumer->account(made, 0);
    EXPECT_TRUE(made.balances()) << made.accepted << " " << made.held;
    return made;
  }
  testing::LogOnDisk log;
  std::optional<LogConsumer> consumer;
  std::uint64_t taken = 0;
};

TEST_F(LogConsumerTest, GoesOnWhereItWasSaved) {
  log.open();
  begin();
  for (int i = 0; i < 3; ++i) static_cast<void>(log.append(2));
  EXPECT_EQ(take(2), "1:1-2 1:3-4 ");
  consumer->save({{}, {}, consumer->read()});
  EXPECT_EQ(take(), "1:5-6 ");
  log.kill();
  log.open();
  begin();
  taken = 0;
  EXPECT_EQ(ledger().held, 2u) << "what was not saved comes again";
  EXPECT_EQ(take(), "1:5-6 ");
  EXPECT_EQ(ledger().held, 0u);
  EXPECT_FALSE(consumer->has_more());
}

TEST_F(LogConsumerTest, SaysOnceThatItCannotBeSavedAndOnceThatItCanAgain) {
  log.open();
  begin();
  const auto lines = [] { return log_figures().lines; };
  const std::uint64_t before = lines();
  const auto read_and_save = [&] {
    static_cast<void>(log.append(1));
    static_cast<void>(take());
    consumer->save({{}, {}, consumer->read()});
  };
  read_and_save();
  EXPECT_EQ(lines(), before);
  for (int i = 0; i < 3; ++i) {
    static_cast<void>(log.append(1));
    static_cast<void>(take());
    const NoWrites failing;
    consumer->save({{}, {}, consumer->read()});
  }
  EXPECT_EQ(lines(), before + 1);
  read_and_save();
  read_and_save();
  EXPECT_EQ(lines(), before + 2);
}

TEST_F(LogConsumerTest, CountsWhatTheQuotaLetGoOf) {
  log.options.bytes_max = 3 * log.options.segment_bytes;
  log.open();
  begin();
  static_cast<void>(log.append(5));
  EXPECT_EQ(take(), "1:1-5 ");
  consumer->need(consumer->read());
  while (log.writer->figures().segments_removed < 3) static_cast<void>(log.append(5));
  const std::uint64_t dropped = ledger().dropped_total();
  EXPECT_GT(dropped, 0u);
  static_cast<void>(take());
  EXPECT_EQ(ledger().held, 0u);
  EXPECT_EQ(ledger().accepted, taken + dropped);
}

// The log's thread may run before the consumer's.
TEST_F(LogConsumerTest, CountsWhatTheQuotaLetGoOfBeforeItStarted) {
  log.options.bytes_max = 3 * log.options.segment_bytes;
  log.open();
  consumer.emplace(*log.spool, "some.cursor");
  ASSERT_TRUE(consumer->open());
  while (log.writer->figures().segments_removed < 3) static_cast<void>(log.append(5));
  consumer->start();
  static_cast<void>(take());
  EXPECT_GT(ledger().dropped_total(), 0u);
  EXPECT_EQ(ledger().held, 0u);
  EXPECT_EQ(taken + ledger().dropped_total(), log.next - 1);
}

TEST_F(LogConsumerTest, CountsAHoleInTheMiddleOfAGroup) {
  log.open();
  static_cast<void>(log.append(2));
  const std::uint64_t second = log.size(1);
  static_cast<void>(log.append(3));
  static_cast<void>(log.append(2));
  static_cast<void>(log.append(1));
  log.kill();
  log.flip(1, second + 90);
  log.open();
  begin();
  EXPECT_EQ(take(1), "1:1-2 ");
  EXPECT_EQ(ledger().held, 6u);
  EXPECT_EQ(take(), "1:6-7 1:8-8 ");
  EXPECT_EQ(ledger().dropped_total(), 3u);
  EXPECT_EQ(ledger().held, 0u);
}

// Its file stays readable while it is open, but what is in it was counted already.
TEST_F(LogConsumerTest, TakesNothingOfASegmentThatWasLetGoOf) {
  log.options.segment_bytes = 64 << 10;  // more than is claimed at once
  log.options.bytes_max = 4 * log.options.segment_bytes;
  log.open();
  log.fill(3);
  begin();
  EXPECT_EQ(take(1), "1:1-5 ");
  while (log.writer->figures().segments_removed == 0) static_cast<void>(log.append(5));
  const std::uint64_t dropped = ledger().dropped_total();
  EXPECT_GT(dropped, 0u);
  static_cast<void>(take());
  EXPECT_EQ(ledger().accepted, taken + dropped);
}

}  // namespace
}  // namespace xylem
