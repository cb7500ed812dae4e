#include "relay/cli/bench_accounts.h"

#include <gtest/gtest.h>

namespace xylem::cli {
namespace {

// A subscriber to one pattern of a single producer's 200 events, and those events.
class BenchAccountsTest : public ::testing::Test {
 protected:
  BenchAccounts accounts_of(const std::string& pattern) {
    options_.events = 200;
    return {options_, *TopicFilter::parse({pattern}), clock_};
  }
  BenchEvent next() { return pool_.next(1); }
  void take(BenchAccounts& accounts, const BenchEvent& event) {
    accounts.take(event.key, event.body);
  }
  SystemClock clock_;
  BenchOptions options_;
  BenchPool pool_{0, 400, 1};
};

TEST_F(BenchAccountsTest, AreCompleteWhenEverythingCame) {
  BenchAccounts accounts = accounts_of("#");
  accounts.now_is();
  for (int n = 0; n < 199; ++n) take(accounts, next());
  EXPECT_FALSE(accounts.complete());
  take(accounts, next());
  EXPECT_TRUE(accounts.complete());
  const SinkResult result = accounts.finish();
  EXPECT_TRUE(result.lossless());
  EXPECT_EQ(result.expected, 200u);
  EXPECT_EQ(result.bytes, 200u * 400);
}

TEST_F(BenchAccountsTest, ExpectOnlyWhatThePatternWants) {
  BenchAccounts accounts = accounts_of("worker.#");
  for (int n = 0; n < 200; ++n) take(accounts, next());
  const SinkResult result = accounts.finish();
  EXPECT_EQ(result.expected, 3u);
  EXPECT_EQ(result.received, 3u);
  EXPECT_TRUE(result.lossless());
}

TEST_F(BenchAccountsTest, CountWhatIsLostTwiceOrUnderAWrongKey) {
  BenchAccounts accounts = accounts_of("#");
  static_cast<void>(next());
  take(accounts, next());
  const BenchEvent event = next();
  take(accounts, event);
  take(accounts, event);
  accounts.take("task.sent", next().body);
  accounts.gap(4);
  const SinkResult result = accounts.finish();
  EXPECT_EQ(result.received, 3u);
  EXPECT_EQ(result.duplicates, 1u);
  EXPECT_EQ(result.misrouted, 1u);
  EXPECT_EQ(result.gapped, 4u);
  EXPECT_EQ(result.lost, 200u - 3 - 4);
}

TEST_F(BenchAccountsTest, CountApartWhatComesAgainFromARelayThatWasStartedAnew) {
  BenchAccounts accounts = accounts_of("#");
  std::vector<std::string> bodies;
  for (int n = 0; n < 200; ++n) bodies.emplace_back(next().body);
  const auto take_from = [&](std::size_t first, std::size_t last) {
    for (; first < last; ++first) {
      const std::size_t type = bench_type(first);
      accounts.take(bench_keys()[type], bodies[first]);
    }
  };
  accounts.epoch_is({1});
  take_from(0, 100);
  accounts.epoch_is({2});
  take_from(90, 120);
  accounts.epoch_is({2});
  take_from(115, 200);
  const SinkResult result = accounts.finish();
  EXPECT_EQ(result.received, 200u);
  EXPECT_EQ(result.repeated, 10u);
  EXPECT_EQ(result.duplicates, 5u);
  EXPECT_EQ(result.lost, 0u);
}

TEST_F(BenchAccountsTest, CountTheEventsOfAList) {
  BenchAccounts accounts = accounts_of("#");
  std::string list = "[" + std::string(next().body);
  list += ", " + std::string(next().body) + "]";
  accounts.take(kBenchListKey, list);
  EXPECT_EQ(accounts.progress(), 2u);
  EXPECT_EQ(accounts.reached(), std::vector<std::uint64_t>{1});
}

TEST_F(BenchAccountsTest, AreWarmAfterAWarmUpEvent) {
  BenchAccounts accounts = accounts_of("#");
  EXPECT_FALSE(accounts.is_warm());
  accounts.take(kBenchWarmUpKey, kBenchWarmUpBody);
  EXPECT_TRUE(accounts.is_warm());
  EXPECT_EQ(accounts.progress(), 0u);
}

TEST(Latencies, AreExactToThreePercent) {
  for (const std::int64_t ns : {1, 63, 64, 1000, 123'456, 99'999'999}) {
    Latencies latencies;
    latencies.add(ns, 1);
    EXPECT_NEAR(latencies.quantile_us(1) * 1000, static_cast<double>(ns),
                static_cast<double>(ns) * 0.032)
        << ns;
  }
}

TEST(Latencies, KnowTheirQuantiles) {
  Latencies latencies;
  for (int us = 1; us <= 1000; ++us) latencies.add(us * 1000, 1);
  EXPECT_NEAR(latencies.quantile_us(0.5), 500, 17);
  EXPECT_NEAR(latencies.quantile_us(0.99), 990, 32);
  Latencies twice;
  twice.add(latencies);
  twice.add(latencies);
  EXPECT_EQ(twice.count(), 2000u);
  EXPECT_EQ(twice.quantile_us(0.5), latencies.quantile_us(0.5));
}

}  // namespace
}  // namespace xylem::cli
