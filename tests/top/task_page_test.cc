#include "relay/top/task_page.h"

#include <gtest/gtest.h>

#include "tests/top/answers.h"

namespace xylem::top {
namespace {

constexpr const char* kTask = R"json({
  "uuid": "c", "name": "mail.send", "state": "FAILURE", "worker": "celery@a", "queue": "mail",
  "attempts": 2, "changed": {"seconds": 1000000003}, "elapsed": 1.5, "orphaned": false,
  "stuck": false, "args": "(1,)", "result": null, "exception": "ValueError('no')",
  "traceback": "Traceback:\n  File \"a.py\", line 1\nValueError: no\n",
  "events": [
    {"type": "task-received", "hostname": "celery@a", "pid": 7, "attempt": 0, "delivery": 0,
     "timestamp": {"seconds": 1000000000}},
    {"type": "task-started", "hostname": "celery@a", "pid": 7, "attempt": 1, "delivery": 1,
     "timestamp": {"seconds": 1000000001.5}},
    {"type": "task-failed", "hostname": "celery@a", "pid": 7, "attempt": 1, "delivery": 1,
     "timestamp": {"seconds": 1000000001.25}}],
  "family": [{"relation": "parent", "uuid": "p", "name": "mail.all", "state": "SUCCESS"},
             {"relation": "child", "uuid": "d", "name": null, "state": null}]})json";

std::string shown(const TaskPage& page) {
  Screen screen;
  for (const auto& line : page.lines) screen.lines.push_back(line.line);
  return text_of(screen);
}

class TaskPages : public ::testing::Test {
 protected:
  void SetUp() override { testing::in_a_known_place(); }
};

TEST_F(TaskPages, TellATaskWithItsEventsAndItsFamily) {
  EXPECT_EQ(shown(task_page(Json::parse(kTask), 80, Letters::utf8)),
            "uuid         c\n"
            "name         mail.send\n"
            "state        FAILURE\n"
            "worker       celery@a\n"
            "attempts     2\n"
            "changed      01:46:43.000\n"
            "ran          1.50s\n"
            "queue        mail\n"
            "args         (1,)\n"
            "exception    ValueError('no')\n"
            "traceback    Traceback:\n"
            "               File \"a.py\", line 1\n"
            "             ValueError: no\n"
            "\n"
            "TIME         SINCE   EVENT             TRY WORKER, PROCESS\n"
            "01:46:40.000           task-received     1   celery@a, 7\n"
            "01:46:41.500   1.50s   task-started      2.2 celery@a, 7\n"
            "01:46:41.250  -250ms   task-failed       2.2 celery@a, 7\n"
            "\n"
            "FAMILY (Enter goes there, u to the parent)\n"
            "parent  SUCCESS  p mail.all\n"
            "child   unknown  d\n");
}

TEST_F(TaskPages, KnowWhereThingsAre) {
  const TaskPage page = task_page(Json::parse(kTask), 80, Letters::utf8);
  EXPECT_EQ(page.traceback, 10u);
  EXPECT_EQ(page.timeline, 14u);
  EXPECT_EQ(page.result, 0u);  // there is none
  EXPECT_EQ(page.parent, "p");
  EXPECT_EQ(page.lines.back().uuid, "d");
}

TEST_F(TaskPages, TakeAsManyLinesAsAValueNeeds) {
  Json task = Json::parse(kTask);
  task["args"] = std::string(100, 'x') + "\x1b[2J\u202e" + "日本";
  const std::string text = shown(task_page(task, 80, Letters::utf8));
  EXPECT_NE(text.find("args         " + std::string(67, 'x') + "\n             " +
                      std::string(33, 'x') + "\\x1b[2J\\u202e日本\n"),
            std::string::npos)
      << text;
}

TEST_F(TaskPages, TakeWhateverIsAnswered) {
  for (const char* json : {"{}", "[]", "null", R"({"events": 7, "family": "x", "traceback": [1]})",
                           R"({"events": [7, {}], "family": [null, {}], "uuid": {"a": 1}})"}) {
    EXPECT_FALSE(task_page(Json::parse(json), 80, Letters::utf8).lines.empty());
  }
}

}  // namespace
}  // namespace xylem::top
