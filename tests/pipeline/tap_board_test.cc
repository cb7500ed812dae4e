#include "relay/pipeline/tap_board.h"

#include <gtest/gtest.h>

#include <set>

namespace xylem {
namespace {

class TapBoardTest : public ::testing::Test {
 protected:
  std::shared_ptr<TapEntry> add(const std::string& name, std::uint64_t accepted) {
    auto entry = board.add(name, "task.#", "block");
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
      labels.insert(sample.labels.at(1).second);
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
  board.retire(add("a", 3));
  board.retire(add("b", 4));
  const auto rows = board.rows();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].name, "(gone)");
  EXPECT_EQ(rows[0].figures.ledger.accepted, 7u);
  EXPECT_EQ(sampled(Metric::tap_accepted).first, 7);
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
  board.retire(entry);
  EXPECT_EQ(sampled(Metric::tap_lag).first, 0);
}

}  // namespace
}  // namespace xylem
