// Goal    every view asks for what it shows and shows what is answered, whoever answers.
// Method  answers as the API gives them, and others.

#include "relay/top/views.h"

#include <gtest/gtest.h>

#include "relay/filter/filter.h"
#include "relay/top/rows.h"
#include "tests/top/answers.h"

namespace xylem::top {
namespace {

class Views : public ::testing::Test {
 protected:
  void SetUp() override { testing::in_a_known_place(); }
  static Wanted wanted(View view) { return {view, "", usual_order(view), 100, "", false}; }
  static std::string shown(View view, const Answer& answer, std::size_t columns = 80) {
    const Table table = table_of(wanted(view), answer);
    return text_of({lines_of(table, usual_order(view), {0, 100}, columns, Letters::utf8), {}});
  }
};

TEST_F(Views, AskForWhatTheyShow) {
  Wanted tasks = wanted(View::tasks);
  tasks.filter = "state:FAILURE name:\"a b\"";
  EXPECT_EQ(
      paths_of(tasks),
      (std::vector<std::string>{"/api/v1/status",
                                "/api/v1/tasks?sort=changed&limit=100&fields=args,exception,runtime"
                                "&q=state%3AFAILURE%20name%3A%22a%20b%22"}));
  tasks.uuid = "a/b?";
  EXPECT_EQ(paths_of(tasks).back(), "/api/v1/tasks/a%2Fb%3F");
  tasks.status_alone = true;
  EXPECT_EQ(paths_of(tasks).size(), 1u);
  EXPECT_EQ(paths_of(wanted(View::gaps)).back(), "/api/taps");
}

TEST_F(Views, ShowTasks) {
  EXPECT_EQ(shown(View::tasks, testing::answer({testing::kTasks})),
            "TIMEv      STATE        RAN NAME                  WORKER            UUID\n"
            "01:48:19 ! FAILURE    1.25s mail.send             celery@web-1      5a6c7e0e-00…\n"
            "01:47:30 ? STARTED    50.0s video.cut             celery@web-2      5a6c7e0e-00…\n");
}

TEST_F(Views, ShowMoreOfTasksOnAWideScreen) {
  const std::string wide = shown(View::tasks, testing::answer({testing::kTasks}), 220);
  EXPECT_NE(wide.find("5a6c7e0e-0000-4000-8000-000000000001"), std::string::npos) << wide;
  EXPECT_NE(wide.find("('a@b',)"), std::string::npos) << wide;
}

TEST_F(Views, ShowWorkers) {
  const Answer answer = testing::answer({R"({"workers": [
    {"hostname": "celery@b", "verdict": "dead", "flapping": true, "last_beat": {"seconds": 1e9},
     "active": 0, "processed": 12345, "rate": 0, "tasks": 3, "restarts": 2, "clock_skew": -0.5},
    {"hostname": "celery@a", "verdict": "alive", "last_beat": {"seconds": 1000000098.5},
     "active": 4, "processed": null, "rate": 17.5, "tasks": 9, "loadavg": [0.5, 1, 2]}]})"});
  EXPECT_EQ(shown(View::workers, answer),
            "WORKER^                   VERDICT      BEAT  ACTIVE       DONE   ENDS/S    TASKS\n"
            "celery@a                  alive       1.50s       4          -     17.5        9\n"
            "celery@b                  dead*       1m40s       0     12,345     0.00        3\n");
  EXPECT_EQ(table_of(wanted(View::workers), answer).rows[0].filter, "worker:\"celery@a\"");
}

TEST_F(Views, ShowNamesAndQueues) {
  const std::string tally = R"({"name": "mail.send", "tasks": 9, "rate": 2.5,
    "events": {"succeeded": 1000, "failed": 7, "retried": 0}, "wait": null,
    "run": {"count": 1000, "mean": 0.2, "p50": 0.1, "p95": 0.5, "p99": 2}})";
  EXPECT_EQ(shown(View::names, testing::answer({R"({"names": [)" + tally + "]}"})),
            "NAME                 ENDS/Sv        OK  FAILED  RETRIED  RUN p50     p95     p99\n"
            "mail.send               2.50     1,000       7        0    100ms   500ms   2.00s\n");
  const std::string queues =
      shown(View::queues, testing::answer({R"({"queues": [)" + tally + "]}"}), 120);
  EXPECT_NE(queues.find("WAIT p50"), std::string::npos);
}

TEST_F(Views, ShowFailures) {
  const Answer answer = testing::answer({R"json({"failures": [
    {"exception": "ValueError", "place": "app.py:7 in send", "failed": 3, "retried": 1,
     "last": {"seconds": 1000000001}, "task": "mail.send", "example": "u"},
    {"exception": "(other)", "place": null, "failed": 1,
     "last": {"seconds": 1000000002}}]})json"});
  const Table table = table_of(wanted(View::failures), answer);
  EXPECT_EQ(table.rows[0].key, "(other) ");
  EXPECT_EQ(table.rows[0].filter, "");
  EXPECT_TRUE(Filter::parse(table.rows[1].filter)) << table.rows[1].filter;
  EXPECT_NE(shown(View::failures, answer).find("app.py:7 in send"), std::string::npos);
}

TEST_F(Views, ShowWhatWasMissedAndLost) {
  const Answer answer = testing::answer({R"({"gaps": [{"from": null, "to": {"seconds": 999999999}},
                      {"from": {"seconds": 1000000000}, "to": {"seconds": 1000000005},
                       "events": 17}]})",
                                         R"({"taps": [{"sink": "stream", "name": "flower",
                     "ledger": {"dropped": {"overflow": 4, "stop": 0}, "balances": true}}]})"});
  EXPECT_EQ(shown(View::gaps, answer),
            "FROM     TO            EVENTS WHAT       WHERE, WHY\n"
            "-        01:46:39     unknown blind      before the relay began\n"
            "01:46:40 01:46:45          17 blind      the relay was blind for 5.00s\n"
            "-        -                  3 refused    state: no_uuid\n"
            "-        -                 12 let go     state: finished_for_number\n"
            "-        -                  4 dropped    stream flower: overflow\n");
}

TEST_F(Views, FilterByExactTexts) {
  EXPECT_EQ(filter_of("name", R"(a"b\c)"), R"(name:"a\"b\\c")");
  EXPECT_TRUE(Filter::parse(filter_of("name", R"(a"b\c) OR (x)")));
}

TEST_F(Views, GiveProgramsTheSameRowsInTheSameOrder) {
  Wanted names = wanted(View::names);
  names.limit = 2;
  const Json json = json_of(names, testing::answer({R"({"names": [
    {"name": "a", "rate": 1}, {"name": "b", "rate": 3}, {"name": "c", "rate": 2}], "gaps": []})"}));
  EXPECT_EQ(json["view"], "names");
  ASSERT_EQ(json["names"].size(), 2u);
  EXPECT_EQ(json["names"][0]["name"], "b");
  EXPECT_EQ(json["names"][1]["name"], "c");
  EXPECT_EQ(json["status"]["events"], 1234567);
  EXPECT_TRUE(json.contains("gaps"));
}

TEST_F(Views, TakeWhateverIsAnswered) {
  for (const char* page :
       {"{}", "[]", "7", "null", R"({"tasks": 7, "workers": {"a": 1}, "names": "x",
       "gaps": [1, null, []], "failures": [[]], "queues": null})",
        R"({"tasks": [{"uuid": 7, "changed": "x", "elapsed": "long", "args": {"a": 1}}]})"}) {
    for (std::size_t view = 0; view < kViews; ++view) {
      const Answer answer = testing::answer({page, page});
      static_cast<void>(shown(static_cast<View>(view), answer));
      static_cast<void>(json_of(wanted(static_cast<View>(view)), answer));
    }
  }
}

}  // namespace
}  // namespace xylem::top
