// Goal    boards find every series that they ask for, and no event does harm.
// Method  the names and labels that public boards and alerts ask for, a line each, against the
//         series of a stream of events; hostile events.

#include "relay/cluster/compat_metrics.h"

#include <gtest/gtest.h>

#include "relay/cluster/state_reader.h"
#include "tests/cluster/scrapes.h"

namespace xylem::cluster {
namespace {

CompatMetrics::Options both() {
  CompatMetrics::Options options;
  options.programs = {"flower", "celery-exporter"};
  return options;
}

TEST(CompatMetrics, BoardsFindWhatTheyAskFor) {
  CompatMetrics metrics(both());
  testing::count_fixture(metrics);
  const testing::Scrape scrape = testing::scrape_of(metrics);
  std::stringstream wanted(testing::fixture("board_series.txt"));
  std::size_t lines = 0;
  for (std::string line; std::getline(wanted, line);) {
    if (line.empty() || line[0] == '#') continue;
    ++lines;
    std::stringstream words(line);
    std::string name;
    words >> name;
    const auto found = scrape.series.lower_bound(name + "{");
    ASSERT_TRUE(found != scrape.series.end() && found->first.starts_with(name + "{")) << name;
    for (std::string label; words >> label;) {
      EXPECT_NE(found->first.find(label + "=\""), std::string::npos) << name << " " << label;
    }
  }
  EXPECT_GT(lines, 15u);
}

TEST(CompatMetrics, AreOffUnlessAskedFor) {
  CompatMetrics metrics{CompatMetrics::Options{}};
  testing::count_fixture(metrics);
  EXPECT_FALSE(metrics.is_on());
  EXPECT_TRUE(metrics.families().empty());
}

TEST(CompatMetrics, PassOverWhatCeleryWouldRaiseFor) {
  CompatMetrics metrics(both());
  for (const char* const body :
       {"{}", "[]", R"({"type": 7})", R"({"type": "task-"})", R"({"type": "task-started"})",
        R"({"type": "task-started", "uuid": "t", "hostname": "A"})",
        R"({"type": "task-started", "uuid": 7, "hostname": "A", "timestamp": 1})",
        R"({"type": "task-started", "uuid": "t", "hostname": null, "timestamp": 1})",
        R"({"type": "task-started", "uuid": "t", "hostname": "A", "timestamp": "1"})",
        R"({"type": "worker-heartbeat", "timestamp": 1})",
        R"({"type": "other-thing", "hostname": "A", "timestamp": 1})"}) {
    testing::count(metrics, body);
  }
  EXPECT_TRUE(testing::scrape_of(metrics).series.empty());
  testing::count(metrics, R"({"type": "task-succeeded", "uuid": "t", "hostname": "A",
      "timestamp": 1, "runtime": "long", "name": 7, "eta": {}, "queue": [1]})");
  testing::count(metrics, R"({"type": "worker-heartbeat", "hostname": "A", "timestamp": 1,
      "active": "many"})");
  EXPECT_EQ(testing::scrape_of(metrics).at(R"(celery_worker_tasks_active{hostname="A"})"), 0);
}

TEST(CompatMetrics, StayWithinTheirBounds) {
  CompatMetrics::Options options = both();
  options.series_max = 1000;
  options.tasks_max = 100;
  CompatMetrics metrics(options);
  for (int i = 0; i < 5000; ++i) {
    const std::string n = std::to_string(i);
    testing::count(metrics, testing::story_event("heartbeat w@" + n + " 1 100").body);
    testing::count(metrics, testing::story_event("started w@" + n + " 1 100 uuid=\"" + n +
                                                 "\" name=\"" + n + "\"")
                                .body);
  }
  const CompatMetrics::Counters counters = metrics.counters();
  EXPECT_LE(counters.series, 1000u);
  EXPECT_GT(counters.series, 950u);
  EXPECT_EQ(counters.forgotten_tasks, 2 * 4900u);
  const testing::Scrape scrape = testing::scrape_of(metrics);
  const std::string rest = "(other)";
  const double folded = scrape.at("flower_events_total{task=\"" + rest + "\",type=\"" + rest +
                                  "\",worker=\"" + rest + "\"}");
  EXPECT_EQ(static_cast<double>(scrape.count("flower_events_total")) - 1 + folded, 5000);
  EXPECT_GT(counters.folded_values, 10'000u);
}

TEST(CompatMetrics, AreReadInPartsAsInOne) {
  SharedState shared({}, both());
  for (int i = 0; i < 1000; ++i) {
    testing::count(
        shared.compat,
        testing::story_event("heartbeat w@" + std::to_string(i) + " 1 100 active=1").body);
  }
  const testing::Scrape whole = testing::scrape_of(shared.compat);
  EXPECT_EQ(testing::scrape_of(StateReader(shared).compat_text()).series, whole.series);
  EXPECT_EQ(whole.count("celery_worker_up"), 1000u);
}

TEST(CompatMetrics, NamesOfProgramsAndLabelsAreKnown) {
  EXPECT_TRUE(check_programs({"celery-exporter", "flower"}));
  EXPECT_NE(check_programs({"flwer"}).error().message.find("flower, celery-exporter"),
            std::string::npos);
  EXPECT_EQ(parse_hostname_label("host").value(), HostnameLabel::host);
  EXPECT_EQ(name_of(HostnameLabel::generic), "generic");
  EXPECT_FALSE(parse_hostname_label("hosts"));
}

}  // namespace
}  // namespace xylem::cluster
