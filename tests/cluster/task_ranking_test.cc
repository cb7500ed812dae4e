// Goal    the first so many of an order, however many there are.
// Method  more tasks than are looked at under one lock, in a mixed order, against a sorted list.

#include "relay/cluster/task_ranking.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "relay/cluster/state_reader.h"
#include "tests/cluster/life_stories.h"

namespace xylem::cluster {
namespace {

TEST(RankedTasks, AreTheFirstOfAll) {
  SharedState shared({});
  const int tasks = static_cast<int>(StateReader::kSlice) * 2 + 7;
  std::vector<std::pair<int, std::string>> expected;
  for (int i = 0; i < tasks; ++i) {
    const int at = i * 7919 % tasks;
    const std::string uuid = "u" + std::to_string(i);
    expected.emplace_back(at, uuid);
    testing::tell(shared.state,
                  testing::story_event("received A 1 " + std::to_string(1000 + at) + " uuid=\"" +
                                       uuid + "\" retries=0 name=\"" + (i % 2 ? "a" : "b") + "\""),
                  2'000'000'000);
  }
  std::sort(expected.rbegin(), expected.rend());
  TaskRanking ranking;
  ranking.offset = 5;
  ranking.limit = 3;
  const std::vector<std::string> latest = ranked_tasks(shared, ranking);
  ASSERT_EQ(latest.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(latest[i], expected[i + 5].second);
  ranking.offset = 0;
  ranking.descending = false;
  ranking.key = TaskRanking::Key::received;
  EXPECT_EQ(ranked_tasks(shared, ranking).front(), expected.back().second);
  ranking.filter = Filter::parse("name:a").value();
  ranking.limit = static_cast<std::size_t>(tasks);
  EXPECT_EQ(ranked_tasks(shared, ranking).size(), static_cast<std::size_t>(tasks) / 2);
}

}  // namespace
}  // namespace xylem::cluster
