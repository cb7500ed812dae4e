// Goal    scripts that read Flower's API read ours.
// Method  a state that was told a few lives; targets as they would come. tests/system/
//         test_flower_api.py holds the values against Celery's own State.

#include "relay/http/flower_api.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/cluster/life_stories.h"
#include "tests/http/state_view.h"

namespace xylem {
namespace {

using Json = nlohmann::ordered_json;
constexpr std::int64_t kNowUs = 1'000'000'000;

class Flower : public ::testing::Test {
 protected:
  void tell(std::string_view line) {
    cluster::testing::tell(shared_.state, cluster::testing::story_event(line), kNowUs);
    shared_.now_us = kNowUs;
  }
  Json get(const std::string& target, int status = 200) {
    const Page page = flower_page(testing::StateView(&shared_), target);
    EXPECT_EQ(page.status, status) << page.body;
    EXPECT_EQ(page.content_type, status == 200 ? "application/json" : "application/problem+json");
    return Json::parse(page.body);
  }
  std::string order(const std::string& query) {
    std::string uuids;
    const Json tasks = get("/api/tasks?" + query);
    for (const auto& [uuid, task] : tasks.items()) uuids += uuid;
    return uuids;
  }
  void tell_three() {
    tell(R"(received A 1 100 retries=0 name="m.b" uuid="x")");
    tell(R"(started A 2 103 uuid="x")");
    tell(R"(received A 3 101 retries=0 name="m.c" uuid="y")");
    tell(R"(received B 4 160 retries=0 name="m.a" uuid="z")");
    tell(R"(failed B 5 170 uuid="z" exception="E'q'")");
  }
  cluster::SharedState shared_{{}};
};

TEST_F(Flower, TellsATaskAsCelerysTask) {
  tell(R"(sent C 1 99 retries=0 name="n" uuid="t/1" eta=null args="[1]" root_id="r")");
  tell(R"(received A 2 100 retries=0 name="n" uuid="t/1" args="[1]")");
  tell(R"(succeeded A 3 102.5 uuid="t/1" runtime=2.25 result="'x'")");
  const Json task = get("/api/task/info/t%2F1");
  EXPECT_EQ(task["state"], "SUCCESS");
  EXPECT_EQ(task["received"], 100.0);
  EXPECT_EQ(task["timestamp"], 102.5);
  EXPECT_EQ(task["clock"], 3);
  EXPECT_EQ(task["client"], "C");
  EXPECT_EQ(task["worker"], "A");
  EXPECT_EQ(task["args"], "[1]");
  EXPECT_EQ(task["runtime"], 2.25);
  EXPECT_EQ(task["root"], "r");
  EXPECT_TRUE(task["started"].is_null());
  EXPECT_EQ(task.size(), 31u);  // Task._fields
}

TEST_F(Flower, ListsTheLatestFirst) {
  tell_three();
  EXPECT_EQ(order(""), "zxy");
  EXPECT_EQ(order("limit=1"), "z");
  EXPECT_EQ(order("limit=1&offset=1"), "x");
  EXPECT_EQ(order("offset=3"), "");
  EXPECT_EQ(get("/api/tasks")["x"]["worker"], "A");
  EXPECT_EQ(get("/api/tasks")["x"]["uuid"], "x");
}

TEST_F(Flower, SortsAsAsked) {
  tell_three();
  EXPECT_EQ(order("sort_by=name"), "zxy");
  EXPECT_EQ(order("sort_by=-received"), "zyx");
  EXPECT_EQ(order("sort_by=started"), "yzx");  // those without come first
  EXPECT_EQ(order("sort_by=-state"), "xyz");
  EXPECT_EQ(get("/api/tasks?sort_by=args", 400)["code"], "bad_sort");
}

TEST_F(Flower, Selects) {
  tell_three();
  EXPECT_EQ(order("workername=A"), "xy");
  EXPECT_EQ(order("workername=All&taskname=m.c"), "y");
  EXPECT_EQ(order("state=FAILURE"), "z");
  EXPECT_EQ(order("taskname=m.*"), "");
  EXPECT_EQ(order("search=name:m.b+OR+exception:E*"), "zx");
  EXPECT_EQ(order("received_start=1970-01-01+00:02"), "z");
  EXPECT_EQ(order("received_end=1970-01-01+00:02"), "xy");
  EXPECT_EQ(order("taskname=%22+OR+state:FAILURE"), "");
  EXPECT_EQ(get("/api/tasks?search=(", 400)["code"], "bad_filter");
  EXPECT_EQ(get("/api/tasks?received_end=yesterday", 400)["code"], "bad_filter");
  EXPECT_EQ(get("/api/tasks?limit=1001", 400)["code"], "bad_limit");
  EXPECT_EQ(get("/api/tasks?offset=-1", 400)["code"], "bad_limit");
}

TEST_F(Flower, TellsWorkers) {
  tell("heartbeat A 7 999 freq=2");
  tell("heartbeat B 8 999 freq=2");
  tell("offline B 9 999.5");
  const Json workers = get("/api/workers");
  EXPECT_EQ(workers.size(), 2u);
  EXPECT_EQ(workers["A"]["stats"]["clock"], "7");
  EXPECT_EQ(get("/api/workers?workername=A&refresh=1").size(), 1u);
  EXPECT_EQ(get("/api/workers?status=1"), Json({{"A", true}, {"B", false}}));
  EXPECT_EQ(get("/api/workers?workername=C", 404)["code"], "no_such_worker");
}

TEST_F(Flower, TellsNamesAndWhatThereIsNot) {
  tell_three();
  EXPECT_EQ(get("/api/task/types")["task-types"], Json({"m.a", "m.b", "m.c"}));
  EXPECT_EQ(get("/api/task/info/none", 404)["code"], "no_such_task");
  EXPECT_EQ(get("/api/task/result/x", 404)["code"], "no_such_path");
  const Page page = flower_page(testing::StateView(nullptr), "/api/tasks");
  EXPECT_EQ(page.status, 503);
}

TEST_F(Flower, PathsAreTheirs) {
  for (const char* path : {"/api/tasks", "/api/workers", "/api/task/info/x", "/api/task/"}) {
    EXPECT_TRUE(is_flower_path(path)) << path;
  }
  for (const char* path : {"/api/tasks/", "/api/task", "/api/worker", "/api/taps"}) {
    EXPECT_FALSE(is_flower_path(path)) << path;
  }
}

}  // namespace
}  // namespace xylem
