// Goal    whatever order the events of a task arrive in, its record is the same, and the right one.
// Method  life stories of up to eight events, with all their orders; each with what it ends in.

#include "relay/cluster/life.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "tests/cluster/life_stories.h"

namespace xylem::cluster {
namespace {

using testing::record_of;
using testing::state_word;
using testing::story;
using testing::StoryEvent;
using testing::tell;

constexpr std::int64_t kArrivedUs = 1'000'000'000;

struct Story {
  const char* name;
  const char* ends_in;
  std::uint32_t attempts;
  std::vector<std::string_view> lines;
};

const std::vector<Story> kStories{
    {"A plain success",
     "SUCCESS",
     1,
     {R"(sent C 3 90 retries=0 name="a" queue="q" args="[1]")",
      R"(received A 10 100 retries=0 name="a" args="[1]")", "started A 11 101",
      R"(succeeded A 12 102 result="3" runtime=0.5)"}},
    {"A retry that then succeeds",
     "SUCCESS",
     2,
     {R"(received A 10 100 retries=0 name="a")", "started A 11 101",
      R"(retried A 12 102 exception="E")", R"(received A 13 110 retries=1 name="a")",
      "started A 14 111", R"(succeeded A 15 112 result="3" runtime=1)"}},
    {"A retry on another worker whose clock is behind",
     "SUCCESS",
     2,
     {"received A 10 100 retries=0", "started A 11 101", R"(retried A 12 102 exception="E")",
      "received B 5 50 retries=1", "started B 6 51", R"(succeeded B 7 52 result="3")"}},
    {"A retry that is still waiting",
     "RETRY",
     1,
     {"received A 10 100 retries=0", "started A 11 101", R"(retried A 12 102 exception="E")",
      "sent A 13 102.5 retries=1 eta=\"2026-11-28T08:00:00\""}},
    {"A retry that runs",
     "STARTED",
     2,
     {"received A 10 100 retries=0", "started A 11 101", R"(retried A 12 102 exception="E")",
      "received A 13 110 retries=1", "started A 14 111"}},
    {"A retry that waits at a worker whose time is behind",
     "RECEIVED",
     2,
     {"received A 10 100 retries=0", "started A 11 101", R"(retried A 12 102 exception="E")",
      "received B 3 50 retries=1"}},
    {"Three attempts of which the last fails",
     "FAILURE",
     3,
     {"received A 10 100 retries=0", R"(retried A 12 102 exception="E0")",
      "received A 13 103 retries=1", R"(retried A 15 105 exception="E1")",
      "received A 16 106 retries=2", "started A 17 107",
      R"(failed A 18 108 exception="E2" traceback="T")"}},
    {"A retry whose reception was lost",
     "SUCCESS",
     2,
     {"received A 10 100 retries=0", "started A 11 101", R"(retried A 12 102 exception="E")",
      "started A 14 111", R"(succeeded A 15 112 result="3")"}},
    {"A delivery again after its worker was lost",
     "STARTED",
     1,
     {"received A 10 100 retries=0", "started A 11 101", "received B 20 200 retries=0",
      "started B 21 201"}},
    {"A delivery again of what had succeeded fails",
     "FAILURE",
     1,
     {"received A 10 100 retries=0", "started A 11 101", R"(succeeded A 12 102 result="3")",
      "received B 20 200 retries=0", "started B 21 201", R"(failed B 22 202 exception="E")"}},
    {"A rejected one",
     "REJECTED",
     1,
     {R"(received A 10 100 retries=0 name="a")", "rejected A 11 101 requeue=false"}},
    {"A rejected one that came again",
     "SUCCESS",
     1,
     {"received A 10 100 retries=0", "started A 11 101", "rejected A 12 102 requeue=true",
      "received A 13 103 retries=0", "started A 14 104", R"(succeeded A 15 105 result="3")"}},
    {"One revoked before it began",
     "REVOKED",
     1,
     {R"(received A 10 100 retries=0 eta="2026-11-28T08:00:00")",
      "revoked A 11 150 terminated=false expired=false"}},
    {"One ended while it ran",
     "REVOKED",
     1,
     {"received A 10 100 retries=0", "started A 11 101",
      "revoked A 12 102 terminated=true signum=\"SIGTERM\" expired=false",
      "revoked A 13 103 terminated=true signum=\"15\" expired=false"}},
    {"One that won against its end",
     "SUCCESS",
     1,
     {"received A 10 100 retries=0", "started A 11 101",
      "revoked A 12 102 terminated=true expired=false", R"(succeeded A 13 103 result="3")"}},
    {"Progress of its own kind",
     "STEP-2",
     1,
     {"received A 10 100 retries=0", "started A 11 101", "step-1 A 12 102", "step-2 A 13 103"}},
    {"Progress, then success",
     "SUCCESS",
     1,
     {"received A 10 100 retries=0", "started A 11 101", "step-1 A 12 102",
      R"(succeeded A 13 103 result="3")"}},
    {"Only its end was heard", "FAILURE", 1, {R"(failed A 13 103 exception="E")"}},
    {"A client's word alone", "PENDING", 1, {R"(sent C 3 90 retries=0 name="a" queue="q")"}},
    {"Without clocks",
     "SUCCESS",
     2,
     {"received A null 100 retries=0", "retried A null 101", "received A null 102 retries=1",
      "started A null 103", R"(succeeded A null 104 result="3")"}},
    {"A worker that restarts between attempts",
     "SUCCESS",
     2,
     {"received A 500 100 retries=0 pid=7", "started A 501 101 pid=7", "retried A 502 102 pid=7",
      "received A 1 110 retries=1 pid=8", "started A 2 111 pid=8",
      R"(succeeded A 3 112 pid=8 result="3")"}},
    {"Eight events with a duplicate",
     "SUCCESS",
     2,
     {R"(sent C 1 90 retries=0 name="a" queue="q")", "received A 10 100 retries=0",
      "started A 11 101", R"(retried A 12 102 exception="E")",
      R"(sent A 13 102 retries=1 name="a" queue="q2")", "received B 14 110 retries=1",
      R"(succeeded B 16 112 result="3")", R"(succeeded B 16 112 result="3")"}},
};

class AnyOrder : public ::testing::TestWithParam<Story> {};
INSTANTIATE_TEST_SUITE_P(Life, AnyOrder, ::testing::ValuesIn(kStories), [](const auto& named) {
  std::string name = named.param.name;
  std::erase_if(name, [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); });
  return name;
});

TEST_P(AnyOrder, MakesOneRecord) {
  const std::vector<StoryEvent> events = story(GetParam().lines);
  std::vector<std::size_t> order(events.size());
  std::iota(order.begin(), order.end(), 0);
  std::string first;
  std::size_t orders = 0;
  do {
    State state({});
    // When each arrives is as different as its place.
    std::int64_t arrived_us = kArrivedUs;
    for (const std::size_t i : order) tell(state, events[i], ++arrived_us);
    const std::string record = record_of(state, "t");
    if (orders++ == 0) {
      first = record;
      EXPECT_EQ(state_word(state), GetParam().ends_in) << record;
      const Life life(state.tasks().at(state.tasks().find("t")).newest);
      EXPECT_EQ(life.attempts(), GetParam().attempts) << record;
    }
    ASSERT_EQ(record, first) << ::testing::PrintToString(order);
  } while (std::next_permutation(order.begin(), order.end()));
}

// Between its first event and its last a task is never further than it is in the end.
TEST(Life, ALateRetryDisplacesNoLaterAttempt) {
  State state({});
  for (const StoryEvent& event :
       story({"received A 10 100 retries=0", "started A 11 101", "received A 13 110 retries=1",
              "started A 14 111", "succeeded A 15 112"})) {
    tell(state, event, kArrivedUs);
  }
  tell(state, testing::story_event("retried A 12 102"), kArrivedUs);
  EXPECT_EQ(state_word(state), "SUCCESS");
}

TEST(Life, AskedToEndAndEndedAreTwoFacts) {
  State state({});
  const auto life = [&] { return Life(state.tasks().at(state.tasks().find("t")).newest); };
  for (const StoryEvent& event : story({"received A 10 100 retries=0", "started A 11 101",
                                        "revoked A 12 102 terminated=true"})) {
    tell(state, event, kArrivedUs);
  }
  EXPECT_NE(life().revoke_asked(), nullptr);
  EXPECT_EQ(life().revoke_done(), nullptr);
  tell(state, testing::story_event("revoked A 13 103 terminated=true"), kArrivedUs);
  EXPECT_EQ(life().revoke_asked()->timestamp_us, 102'000'000);
  EXPECT_EQ(life().revoke_done()->timestamp_us, 103'000'000);
}

TEST(Life, AValueKnowsWhoSaidIt) {
  State state({});
  for (const StoryEvent& event : story({R"(sent C 3 90 retries=0 name="a" queue="q")",
                                        R"(received A 10 100 retries=0 name="a")"})) {
    tell(state, event, kArrivedUs);
  }
  const Life life(state.tasks().at(state.tasks().find("t")).newest);
  EXPECT_EQ(life.origin_of(EventField::name)->sighting->kind, Kind::received);
  EXPECT_EQ(life.origin_of(EventField::queue)->sighting->kind, Kind::sent);
  EXPECT_EQ(life.origin_of(EventField::result), nullptr);
}

}  // namespace
}  // namespace xylem::cluster
