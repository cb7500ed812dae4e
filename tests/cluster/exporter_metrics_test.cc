// Goal    celery-exporter's series, to the letter.
// Method  what it printed after a stream of events (tests/fixtures/compat/record.py), without what
//         it asks a broker for, and lives that the stream has not.

#include "relay/cluster/exporter_metrics.h"

#include <gtest/gtest.h>

#include "tests/cluster/scrapes.h"

namespace xylem::cluster {
namespace {

constexpr std::int64_t kSecond = 1'000'000;

CompatMetrics::Options exporter(HostnameLabel hostname = HostnameLabel::theirs) {
  CompatMetrics::Options options;
  options.programs = {"celery-exporter"};
  options.hostname = hostname;
  return options;
}

class Exporter : public ::testing::Test {
 protected:
  void tell(std::string_view line, std::int64_t arrived_us = 0) {
    testing::count(metrics_, testing::story_event(line).body, arrived_us);
  }
  double at(const std::string& name) const { return testing::scrape_of(metrics_).at(name); }
  CompatMetrics metrics_{exporter()};
};

TEST_F(Exporter, SeriesAreThoseThatItPrints) {
  testing::count_fixture(metrics_);
  testing::Scrape theirs = testing::scrape_of(testing::fixture("celery_exporter.txt"));
  testing::expect_same(testing::scrape_of(metrics_), theirs);
  for (const char* const asked : {"celery_queue_length", "celery_active_consumer_count",
                                  "celery_active_worker_count", "celery_active_process_count"}) {
    EXPECT_EQ(theirs.types.erase(asked), 1u) << asked;
  }
  EXPECT_EQ(testing::scrape_of(metrics_).types, theirs.types);
}

TEST_F(Exporter, WaitsBeginWithTheEta) {
  tell(R"(sent gen1@api 1 100 name="n" queue="q" eta="1970-01-01T00:01:50+00:00")");
  tell(R"(started celery@web 2 113)");
  const std::string labels = R"({hostname="web",name="n",queue_name="q"})";
  EXPECT_DOUBLE_EQ(at("celery_task_queue_wait_time_sum" + labels), 3);
  EXPECT_EQ(at("celery_task_queue_wait_time_count" + labels), 1);
}

TEST_F(Exporter, WaitsAreNeverNegative) {
  tell(R"(sent gen1@api 1 100 name="n" queue="q")");
  tell(R"(started celery@web 2 90)");
  EXPECT_EQ(at(R"(celery_task_queue_wait_time_sum{hostname="web",name="n",queue_name="q"})"), 0);
}

TEST_F(Exporter, ExceptionsAreTheirClasses) {
  tell("failed A 1 100 name=\"n\" uuid=\"1\" exception=\"ValueError('x')\"");
  tell("failed A 2 100 name=\"n\" uuid=\"2\" exception=\"a.b.Error('x')\"");
  tell("failed A 3 100 name=\"n\" uuid=\"3\"");
  const auto failed = [&](const std::string& exception) {
    return at("celery_task_failed_total{exception=\"" + exception +
              R"(",hostname="A",name="n",queue_name="celery"})");
  };
  EXPECT_EQ(failed("ValueError"), 1);
  EXPECT_EQ(failed("UnknownException"), 2);
  EXPECT_EQ(failed(""), -1);
}

TEST_F(Exporter, NoneHasAName) {
  tell(R"(started A 1 100 queue=null)");
  EXPECT_EQ(at(R"(celery_task_started_total{hostname="A",name="None",queue_name="None"})"), 1);
  EXPECT_EQ(at(R"(celery_task_retried_total{hostname="A",name="None",queue_name="None"})"), 0);
}

TEST_F(Exporter, WhoLeavesAndWhoIsSilentIsDown) {
  tell("heartbeat w@A 1 100 active=3");
  tell("heartbeat w@B 1 100 active=3");
  tell("offline w@A 2 101");
  tell("offline w@nobody 2 101");
  EXPECT_EQ(at(R"(celery_worker_up{hostname="A"})"), 0);
  EXPECT_EQ(at(R"(celery_worker_tasks_active{hostname="A"})"), 0);
  EXPECT_EQ(at(R"(celery_worker_up{hostname="nobody"})"), -1);
  metrics_.pass_time({301 * kSecond, 0});
  EXPECT_EQ(at(R"(celery_worker_up{hostname="B"})"), 0);
  tell("heartbeat w@B 3 402", 302 * kSecond);
  metrics_.pass_time({601 * kSecond, 0});
  EXPECT_EQ(at(R"(celery_worker_up{hostname="A"})"), -1);
  EXPECT_EQ(at(R"(celery_worker_up{hostname="B"})"), 1);
}

TEST(ExporterLabels, CallHostsAsAsked) {
  for (const auto& [choice, task, worker] :
       {std::tuple(HostnameLabel::full, "w@A", "w@A"), std::tuple(HostnameLabel::host, "A", "A"),
        std::tuple(HostnameLabel::generic, "generic", "A")}) {
    CompatMetrics metrics(exporter(choice));
    testing::count(metrics, testing::story_event("heartbeat w@A 1 100").body);
    testing::count(metrics, testing::story_event(R"(started w@A 2 101 name="n")").body);
    const testing::Scrape scrape = testing::scrape_of(metrics);
    EXPECT_EQ(scrape.at("celery_worker_up{hostname=\"" + std::string(worker) + "\"}"), 1);
    EXPECT_EQ(scrape.at("celery_task_started_total{hostname=\"" + std::string(task) +
                        R"(",name="n",queue_name="celery"})"),
              1);
  }
}

}  // namespace
}  // namespace xylem::cluster
