#include "relay/pipeline/tap_board.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <vector>

namespace xylem {
namespace {

class TapBoardTest : public ::testing::Test {
 protected:
  std::shared_ptr<TapEntry> add(const std::string& name, std::uint64_t accepted) {
    auto entry = board.add(name, "task.#", "block", 1'000'000);
    TapFigures figures;
    figures.ledger.accepted = accepted;
    figures.ledger.delivered = accepted;
    figures.oldest_held_us = static_cast<std::int64_t>(1'000'000 * accepted);
    entry->figures.publish(figures);
    return entry;
  }
  // The sum of a metric, and under how many tap labels it is shown.
  std::pair<double, std::size_t> sampled(Metric metric, std::int64_t now_us = 10'000'000) {
    Samples samples;
    board.sample(samples, now_us);
    double sum = 0;
    std::set<std::string> labels;
    for (const Sample& sample : samples) {
      if (sample.metric != metric) continue;
      sum += sample.value;
      if (sample.labels.size() > 1) labels.insert(sample.labels.at(1).second);
      EXPECT_EQ(sample.labels.at(0).second, "stream");
    }
    return {sum, labels.size()};
  }
  TapBoard board{"stream"};
};

TEST_F(TapBoardTest, ShowsTheTapsThatAreThere) {
  add("dump", 3);
  const auto rows = board.rows();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].sink, "stream");
  EXPECT_EQ(rows[0].name, "dump");
  EXPECT_EQ(rows[0].filter, "task.#");
  EXPECT_EQ(rows[0].overflow, "block");
  EXPECT_EQ(rows[0].figures.ledger.accepted, 3u);
}

TEST_F(TapBoardTest, SumsTheTapsThatAreGone) {
  board.retire(add("a", 3), 2'000'000);
  board.retire(add("b", 4), 2'000'000);
  const auto rows = board.rows();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].name, "(gone)");
  EXPECT_EQ(rows[0].figures.ledger.accepted, 7u);
  EXPECT_EQ(sampled(Metric::sink_accepted), (std::pair<double, std::size_t>{7, 0}));
}

// Two monitors of one name and one of them leaves: Prometheus would take a fall for a restart, and
// the whole total for what flowed since.
TEST_F(TapBoardTest, ACounterDoesNotFallWhenOneOfTwoOfTheSameNameLeaves) {
  const auto leaves = add("dump", 3);
  add("dump", 4);
  board.retire(leaves, 2'000'000);
  EXPECT_EQ(sampled(Metric::tap_accepted), (std::pair<double, std::size_t>{7, 1}));
  EXPECT_EQ(sampled(Metric::sink_accepted).first, 7);
}

TEST_F(TapBoardTest, ASeriesOutlivesItsLastTapByTenMinutes) {
  board.retire(add("dump", 3), 2'000'000);
  const std::int64_t kept = 2'000'000 + TapBoard::kSeriesKeptUs;
  EXPECT_EQ(sampled(Metric::tap_accepted, kept), (std::pair<double, std::size_t>{3, 1}));
  EXPECT_EQ(sampled(Metric::tap_accepted, kept + 1).second, 0u);
  EXPECT_EQ(sampled(Metric::sink_accepted, kept + 1).first, 3) << "the sum forgets nothing";
}

TEST_F(TapBoardTest, SumsTapsThatShareAName) {
  add("dump", 3);
  add("dump", 4);
  EXPECT_EQ(sampled(Metric::tap_accepted), (std::pair<double, std::size_t>{7, 1}));
  EXPECT_EQ(sampled(Metric::tap_lag).first, 7) << "of the older of the two, 3 s of 10";
}

// Subscribers choose their names: a thousand of them must not be a thousand labels.
TEST_F(TapBoardTest, BoundsItsLabelsAndStillCountsEverything) {
  for (int i = 0; i < 1000; ++i) add("tap-" + std::to_string(i), 1);
  EXPECT_EQ(sampled(Metric::tap_accepted), (std::pair<double, std::size_t>{1000, 65}));
}

TEST_F(TapBoardTest, ShowsDropsByReason) {
  auto entry = board.add("dump", "#", "drop_oldest");
  TapFigures figures;
  figures.ledger.dropped = {1, 2, 3, 4, 5};
  entry->figures.publish(figures);
  EXPECT_EQ(sampled(Metric::tap_dropped).first, 15);
}

// A tap that leaves takes its wait along, or lag would grow for ever with nobody waiting.
TEST_F(TapBoardTest, ShowsNoLagOfTapsThatAreGone) {
  auto entry = add("a", 3);
  TapFigures figures = entry->figures.read();
  figures.oldest_held_us = 0;
  entry->figures.publish(figures);
  board.retire(entry, 2'000'000);
  EXPECT_EQ(sampled(Metric::tap_lag).first, 0);
}

// What Prometheus scrapes, while monitors of few and of many names come, count and go.
class ScrapedBoard {
 public:
  explicit ScrapedBoard(std::uint64_t seed) : random_(seed) {}

  void turn() {
    const bool pause = upto(100) == 0;
    now_us_ += static_cast<std::int64_t>(upto(pause ? 900'000'000 : 1'000'000));
    if (pause) scrape();
    switch (upto(5)) {
      case 0: come(); break;
      case 1: growing_ ? come() : leave(); break;
      case 2: leave(); break;
      case 3:
        if (upto(20) == 0) names_ = upto(2) == 0 ? 3 : 200;
        if (upto(20) == 0) growing_ = !growing_;
        break;
      default: count();
    }
    if (upto(3) != 0) scrape();
  }
  [[nodiscard]] std::size_t ends() const { return ends_; }
  [[nodiscard]] std::size_t most_series() const { return most_series_; }

 private:
  std::uint64_t upto(std::uint64_t n) {
    return std::uniform_int_distribution<std::uint64_t>(0, n - 1)(random_);
  }
  void come() {
    taps_.push_back(board_.add("tap-" + std::to_string(upto(names_)), "#", "", now_us_));
  }
  void leave() {
    if (taps_.empty()) return;
    const std::size_t at = upto(taps_.size());
    board_.retire(taps_[at], now_us_);
    taps_.erase(taps_.begin() + static_cast<std::ptrdiff_t>(at));
  }
  void count() {
    for (const auto& tap : taps_) {
      TapFigures figures = tap->figures.read();
      const std::uint64_t delivered = upto(1000);
      const std::uint64_t dropped = upto(10);
      figures.ledger.accepted += delivered + dropped;
      figures.ledger.delivered += delivered;
      figures.ledger.dropped[upto(kDropReasonCount)] += dropped;
      figures.delivered_bytes += delivered * 400;
      tap->figures.publish(figures);
      accepted_ += delivered + dropped;
    }
  }
  void scrape() {
    Samples samples;
    board_.sample(samples, now_us_);
    std::map<std::string, double> scraped;
    for (const Sample& sample : samples) {
      const MetricInfo& info = info_of(sample.metric);
      if (info.type != MetricType::counter) continue;
      std::string series(info.name);
      for (const auto& [label, value] : sample.labels) series += " " + value;
      EXPECT_TRUE(scraped.emplace(series, sample.value).second) << series << " twice";
      if (sample.metric == Metric::sink_accepted) {
        EXPECT_EQ(sample.value, static_cast<double>(accepted_));
      }
    }
    for (const auto& [series, value] : last_) {
      const auto now = scraped.find(series);
      if (now == scraped.end()) {
        ++ends_;
      } else {
        EXPECT_GE(now->second, value) << series << " fell";
      }
    }
    most_series_ = std::max(most_series_, scraped.size());
    last_ = std::move(scraped);
  }

  std::mt19937_64 random_;
  TapBoard board_{"stream"};
  std::vector<std::shared_ptr<TapEntry>> taps_;
  std::map<std::string, double> last_;
  std::uint64_t names_ = 200;
  bool growing_ = true;
  std::uint64_t accepted_ = 0;
  std::int64_t now_us_ = 1'000'000;
  std::size_t ends_ = 0;
  std::size_t most_series_ = 0;
};

// Under a sanitizer a run takes fifty times as long.
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr std::uint64_t kScrapedSeeds = 1;
#else
constexpr std::uint64_t kScrapedSeeds = 8;
#endif

TEST(ScrapedBoard, NoCounterEverFallsAndTheSinksTotalIsWhatTheTapsCounted) {
  std::size_t ends = 0;
  std::size_t most = 0;
  for (std::uint64_t seed = 1; seed <= kScrapedSeeds && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    ScrapedBoard scraped(seed);
    for (int turn = 0; turn < 1'500 && !::testing::Test::HasFailure(); ++turn) scraped.turn();
    ends += scraped.ends();
    most = std::max(most, scraped.most_series());
  }
  EXPECT_GT(ends, 0u) << "some series must have ended";
  const std::size_t per_tap = 4 + kDropReasonCount;
  EXPECT_EQ(most, per_tap * 66) << "64 names, (others) and the sink's own must have been shown";
}

}  // namespace
}  // namespace xylem
