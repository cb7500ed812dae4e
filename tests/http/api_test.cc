// Goal    the API says what the state knows, and what is wrong with a request.
// Method  a state that was told a few lives; targets as they would come.

#include "relay/http/api.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "relay/cluster/state_reader.h"
#include "tests/cluster/life_stories.h"
#include "tests/http/state_view.h"

namespace xylem {
namespace {

using Json = nlohmann::json;
using testing::StateView;
constexpr std::int64_t kNowUs = 1'000'000'000;

class Api : public ::testing::Test {
 protected:
  void tell(std::string_view line, std::int64_t arrived_us = kNowUs) {
    cluster::testing::tell(shared_.state, cluster::testing::story_event(line), arrived_us);
    shared_.now_us = std::max(kNowUs, arrived_us);
    ++shared_.as_of;
  }
  Page get(const std::string& path) { return api_page(StateView(&shared_), "/api/v1/" + path); }
  Json json(const std::string& path) {
    const Page page = get(path);
    EXPECT_EQ(page.status, 200) << page.body;
    return Json::parse(page.body);
  }
  std::string problem(const std::string& path, int status) {
    const Page page = get(path);
    EXPECT_EQ(page.status, status) << page.body;
    EXPECT_EQ(page.content_type, "application/problem+json");
    return Json::parse(page.body)["code"];
  }
  std::int64_t now_us_ = kNowUs;
  cluster::SharedState shared_{{}};
};

TEST_F(Api, FindsTasksByFilter) {
  tell(R"(received A 10 100 retries=0 name="mail.send" uuid="a" args="x")");
  tell(R"(failed A 11 101 uuid="a" exception="E")");
  tell(R"(received A 12 102 retries=0 name="beat" uuid="b")");
  const Json page = json("tasks?q=state%3AFAILURE+name%3Amail.*");
  ASSERT_EQ(page["tasks"].size(), 1u);
  EXPECT_EQ(page["tasks"][0]["uuid"], "a");
  EXPECT_EQ(page["tasks"][0]["exception"], "E");
  EXPECT_EQ(page["searched"], 2);
  EXPECT_EQ(page["as_of"], 3);
  EXPECT_TRUE(page["cursor"].is_null());
  EXPECT_EQ(json("tasks?q=received:%3E1970-01-01T00:01:41")["matched"], 1);
}

TEST_F(Api, GivesEachTaskOnceInPages) {
  for (int i = 0; i < 25; ++i) tell("started A 1 100 uuid=\"" + std::to_string(i) + "\"");
  std::set<std::string> seen;
  std::string cursor = "0";
  int pages = 0;
  while (!cursor.empty() && ++pages < 10) {
    const Json page = json("tasks?limit=10&cursor=" + cursor);
    for (const Json& task : page["tasks"]) EXPECT_TRUE(seen.insert(task["uuid"]).second);
    cursor = page["cursor"].is_null() ? "" : page["cursor"].get<std::string>();
  }
  EXPECT_EQ(seen.size(), 25u);
  EXPECT_EQ(pages, 3);
}

std::vector<std::string> uuids(const Json& page) {
  std::vector<std::string> found;
  for (const Json& task : page["tasks"]) found.push_back(task["uuid"]);
  return found;
}

TEST_F(Api, ShowsWhatChangedLastFirst) {
  for (const char* uuid : {"a", "b", "c"}) {
    tell("received A 1 100 uuid=\"" + std::string(uuid) + "\"", ++now_us_);
  }
  tell(R"(succeeded A 2 101 uuid="b" runtime=3)", ++now_us_);
  tell(R"(started A 3 102 uuid="a")", ++now_us_);
  EXPECT_EQ(uuids(json("tasks?sort=changed")), (std::vector<std::string>{"a", "b", "c"}));
  const Json first = json("tasks?sort=changed&limit=2");
  EXPECT_EQ(uuids(first), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(first["searched"], 2);
  EXPECT_TRUE(first["cursor"].is_null());
  EXPECT_EQ(uuids(json("tasks?sort=changed&limit=1&q=state:RECEIVED")),
            std::vector<std::string>{"c"});
}

TEST_F(Api, ShowsWhatRunsLongestFirst) {
  tell(R"(started A 1 100 uuid="runs")", kNowUs - 7'000'000);
  tell(R"(succeeded A 2 100 uuid="ran" runtime=9.5)", kNowUs);
  tell(R"(started A 3 101 uuid="failed")", kNowUs);
  tell(R"(failed A 4 102.25 uuid="failed")", kNowUs);
  tell(R"(received A 5 103 uuid="waits")", kNowUs);
  const Json page = json("tasks?sort=elapsed");
  EXPECT_EQ(uuids(page), (std::vector<std::string>{"ran", "runs", "failed"}));
  EXPECT_EQ(page["tasks"][0]["elapsed"], 9.5);
  EXPECT_EQ(page["tasks"][1]["elapsed"], 7);
  EXPECT_EQ(page["tasks"][2]["elapsed"], 1.25);
  EXPECT_TRUE(json("tasks/waits")["elapsed"].is_null());
  EXPECT_EQ(uuids(json("tasks?sort=elapsed&limit=1")), std::vector<std::string>{"ran"});
}

TEST_F(Api, LeavesOutWhatNobodyShows) {
  tell(R"(received A 10 100 args="x" kwargs="y")");
  const Json page = json("tasks?fields=args,result");
  EXPECT_EQ(page["tasks"][0]["args"], "x");
  EXPECT_FALSE(page["tasks"][0].contains("kwargs"));
  EXPECT_EQ(page["tasks"][0]["state"], "RECEIVED");
}

TEST_F(Api, TellsATaskWithItsLife) {
  tell(R"(received A 10 100 retries=0 name="a" uuid="p/1")");
  tell(R"(started A 11 101.5 uuid="p/1")");
  tell(R"(received A 12 102 uuid="c" parent_id="p/1")");
  const Json task = json("tasks/p%2F1");
  EXPECT_EQ(task["state"], "STARTED");
  EXPECT_EQ(task["children"], Json({"c"}));
  EXPECT_EQ(task["family"][0]["relation"], "child");
  EXPECT_EQ(task["family"][0]["state"], "RECEIVED");
  const Json parent = json("tasks/c")["family"][0];
  EXPECT_EQ(parent["relation"], "parent");
  EXPECT_EQ(parent["name"], "a");
  ASSERT_EQ(task["events"].size(), 2u);
  EXPECT_EQ(task["events"][1]["type"], "task-started");
  EXPECT_EQ(task["events"][1]["timestamp"]["seconds"], 101.5);
  EXPECT_EQ(task["events"][1]["timestamp"]["iso"], "1970-01-01T00:01:41.500000Z");
}

TEST_F(Api, TellsWorkersNamesQueuesAndFailures) {
  tell("heartbeat A 1 999 freq=2 active=3 loadavg=[1,2,3]");
  tell(R"(sent C 1 100 retries=0 name="a" queue="q")");
  tell(R"(received A 2 101 retries=0 name="a")");
  tell("started A 3 102");
  tell(R"(failed A 4 103 exception="E")");
  const Json worker = json("workers/A");
  EXPECT_EQ(worker["verdict"], "alive");
  EXPECT_EQ(worker["active"], 3);
  EXPECT_EQ(worker["loadavg"], Json({1, 2, 3}));
  EXPECT_EQ(json("workers")["workers"].size(), 1u);
  EXPECT_EQ(json("status")["verdicts"]["alive"], 1);
  EXPECT_EQ(json("names")["names"][0]["events"]["failed"], 1);
  EXPECT_EQ(json("queues")["queues"][0]["wait"]["count"], 1);
  EXPECT_EQ(json("failures")["failures"][0]["exception"], "E");
}

TEST_F(Api, SaysFromWhenToWhenItWasBlind) {
  shared_.state.note_blindness({1'000'000, 2'000'000, 17});
  EXPECT_EQ(json("gaps")["gaps"][0]["events"], 17);
  EXPECT_EQ(json("tasks")["gaps"].size(), 1u);
}

TEST_F(Api, SaysWhatIsWrong) {
  EXPECT_EQ(problem("tasks?q=stat:x", 400), "bad_filter");
  EXPECT_EQ(problem("tasks?limit=0", 400), "bad_limit");
  EXPECT_EQ(problem("tasks?limit=1001", 400), "bad_limit");
  EXPECT_EQ(problem("tasks?cursor=-1", 400), "bad_cursor");
  EXPECT_EQ(problem("tasks?sort=uuid", 400), "bad_sort");
  EXPECT_EQ(problem("tasks?sort=changed&cursor=7", 400), "bad_cursor");
  EXPECT_EQ(problem("tasks?fields=args,what", 400), "bad_fields");
  EXPECT_EQ(problem("tasks?filter=x", 400), "unknown_parameter");
  EXPECT_EQ(problem("tasks/none", 404), "no_such_task");
  EXPECT_EQ(problem("workers/none", 404), "no_such_worker");
  EXPECT_EQ(problem("nothing", 404), "no_such_path");
  EXPECT_EQ(problem("tasks/", 404), "no_such_path");
  const Page page = api_page(StateView(nullptr), "/api/v1/tasks");
  EXPECT_EQ(page.status, 503);
}

TEST_F(Api, AnswersEveryExampleAndDescribesEveryPath) {
  EXPECT_GE(api_examples().size(), 8u);
  for (const std::string& example : api_examples()) {
    EXPECT_EQ(api_page(StateView(&shared_), example).status, 200) << example;
  }
  const Json paths = json("openapi.json")["paths"];
  EXPECT_EQ(paths.size(), 10u);
  EXPECT_EQ(paths["/api/v1/tasks"]["get"]["parameters"].size(), 5u);
  EXPECT_EQ(paths["/api/v1/tasks/{uuid}"]["get"]["parameters"][0]["in"], "path");
}

TEST(PercentDecoded, TakesWhatIsAnEscape) {
  EXPECT_EQ(percent_decoded("a%20b+c", true), "a b c");
  EXPECT_EQ(percent_decoded("a+%2f%zz%4", false), "a+/%zz%4");
}

}  // namespace
}  // namespace xylem
