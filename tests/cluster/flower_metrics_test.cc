// Goal    Flower's series, to the letter.
// Method  what Flower printed after a stream of events (tests/fixtures/compat/record.py), and what
//         it does not print: time passes.

#include "relay/cluster/flower_metrics.h"

#include <gtest/gtest.h>

#include "tests/cluster/scrapes.h"

namespace xylem::cluster {
namespace {

constexpr std::int64_t kSecond = 1'000'000;

CompatMetrics::Options flower(HostnameLabel hostname = HostnameLabel::theirs) {
  CompatMetrics::Options options;
  options.programs = {"flower"};
  options.hostname = hostname;
  return options;
}

TEST(FlowerMetrics, AreThoseThatFlowerPrints) {
  CompatMetrics metrics(flower());
  testing::count_fixture(metrics);
  const testing::Scrape theirs = testing::scrape_of(testing::fixture("flower.txt"));
  const testing::Scrape ours = testing::scrape_of(metrics);
  testing::expect_same(ours, theirs);
  EXPECT_EQ(ours.types, theirs.types);
}

TEST(FlowerMetrics, CallWorkersAsAsked) {
  const auto labels_of = [](HostnameLabel choice) {
    CompatMetrics metrics(flower(choice));
    testing::count(metrics, testing::story_event("heartbeat celery@web-1 1 100").body);
    testing::count(metrics, testing::story_event(R"(started celery@web-1 2 101 name="n")").body);
    std::string names;
    for (const auto& [name, value] : testing::scrape_of(metrics).series) names += name + " ";
    return names;
  };
  const std::string events = R"(flower_events_total{task="n",type="task-started",worker=")";
  const std::string online = R"(flower_worker_online{worker=")";
  EXPECT_EQ(labels_of(HostnameLabel::full),
            events + "celery@web-1\"} " + online + "celery@web-1\"} ");
  EXPECT_EQ(labels_of(HostnameLabel::host), events + "web-1\"} " + online + "web-1\"} ");
  EXPECT_EQ(labels_of(HostnameLabel::generic),
            events + "generic\"} " + online + "celery@web-1\"} ");
}

TEST(FlowerMetrics, SilentWorkersAreOfflineAndThenForgotten) {
  CompatMetrics metrics(flower());
  const std::string online = R"(flower_worker_online{worker="A"})";
  testing::count(metrics, testing::story_event("heartbeat A 1 100 active=2").body, 0);
  testing::count(metrics, testing::story_event("heartbeat B 1 100 active=2").body, 0);
  testing::count(metrics, testing::story_event(R"(started A 2 101 name="n")").body, 0);
  const auto at = [&](std::int64_t seconds, std::int64_t blind_until = 0) {
    metrics.pass_time({seconds * kSecond, blind_until * kSecond});
    return testing::scrape_of(metrics);
  };
  EXPECT_EQ(at(300).at(online), 1);
  EXPECT_EQ(at(400, 150).at(online), 1);  // nobody's silence
  EXPECT_EQ(at(301).at(online), 0);
  testing::count(metrics, testing::story_event("heartbeat B 2 500").body, 500 * kSecond);
  EXPECT_EQ(at(600).at(online), 0);
  const testing::Scrape later = at(601);
  EXPECT_EQ(later.at(online), -1);
  EXPECT_EQ(later.count("flower_events_total"), 0u);
  EXPECT_EQ(later.at(R"(flower_worker_online{worker="B"})"), 1);
  testing::count(metrics, testing::story_event("heartbeat A 3 700").body, 700 * kSecond);
  EXPECT_EQ(testing::scrape_of(metrics).at(online), 1);
}

TEST(FlowerMetrics, RecordingsGiveNoSignOfLife) {
  CompatMetrics metrics(flower());
  testing::count(metrics, testing::story_event("heartbeat A 1 100").body, 0, true);
  testing::count(metrics, testing::story_event(R"(started A 2 101 name="n")").body, 0, true);
  EXPECT_EQ(testing::scrape_of(metrics).count("flower_worker_online"), 0u);
  EXPECT_EQ(testing::scrape_of(metrics).count("flower_events_total"), 1u);
}

}  // namespace
}  // namespace xylem::cluster
