// Goal    indexes are complete whatever comes first, bounds hold, and nobody's event ends anything.
// Method  single events; and the fuzzer's grammar in tests/fuzz.

#include "relay/cluster/state.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/cluster/life_stories.h"
#include "tests/doubles/chance.h"

namespace xylem::cluster {
namespace {

using testing::state_word;
using testing::story_event;

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kNow = 1000 * kSecond;

void tell(State& state, std::string_view line, std::int64_t at = kNow) {
  testing::tell(state, story_event(line), at);
}
void tell_json(State& state, const std::string& body) { testing::tell(state, {body}, kNow); }

std::vector<std::string> listed(const State& state, TaskList list, std::uint32_t group) {
  std::vector<std::string> uuids;
  TaskNumber number = state.tasks().ends(list, group).newest;
  for (; number != kNoTask; number = state.tasks().older(number, list)) {
    uuids.emplace_back(state.tasks().at(number).uuid());
  }
  return uuids;
}

TEST(State, IsIndexedByNameThoughTheNameComesLast) {
  State state({});
  tell(state, "succeeded A 12 102");
  tell(state, R"(received A 10 100 retries=0 name="a")");
  EXPECT_EQ(listed(state, TaskList::name, state.names().find("a").value),
            std::vector<std::string>{"t"});
  EXPECT_EQ(listed(state, TaskList::state, state.states().find("SUCCESS").value),
            std::vector<std::string>{"t"});
}

TEST(State, FindsChildrenOfAParentThatComesLater) {
  State state({});
  tell(state, R"(received A 10 100 uuid="child" parent_id="p" root_id="r")");
  tell(state, R"(received A 11 101 uuid="other" parent_id="p" root_id="r")");
  EXPECT_EQ(state.tasks().find("p"), kNoTask);
  std::vector<std::string> children;
  TaskNumber number = state.tasks().first_of_family(TaskList::parent, "p");
  for (; number != kNoTask; number = state.tasks().older(number, TaskList::parent)) {
    children.emplace_back(state.tasks().at(number).uuid());
  }
  EXPECT_EQ(children, (std::vector<std::string>{"other", "child"}));
  EXPECT_NE(state.tasks().first_of_family(TaskList::root, "r"), kNoTask);
  EXPECT_EQ(state.tasks().first_of_family(TaskList::root, "p"), kNoTask);
}

TEST(State, LetsGoOfTheFinishedBeforeTheRunningAndTheOldestFirst) {
  State::Options options;
  options.tasks_max = 3;
  State state(options);
  tell(state, R"(started A 1 101 uuid="running")");
  tell(state, R"(succeeded A 2 102 uuid="old")");
  tell(state, R"(succeeded A 3 103 uuid="new")");
  tell(state, R"(started A 4 104 uuid="next")");
  EXPECT_EQ(state.tasks().find("old"), kNoTask);
  EXPECT_NE(state.tasks().find("running"), kNoTask);
  tell(state, R"(started A 5 105 uuid="another")");
  EXPECT_EQ(state.tasks().find("new"), kNoTask);
  tell(state, R"(started A 6 106 uuid="last")");
  EXPECT_EQ(state.tasks().find("running"), kNoTask);
  EXPECT_EQ(state.counters().evicted[0], 2u);
  EXPECT_EQ(state.counters().evicted[1], 1u);
}

TEST(State, LetsGoFirstOfWhatChangedLongestAgo) {
  State::Options options;
  options.tasks_max = 2;
  State state(options);
  tell(state, R"(received A 1 101 uuid="first")");
  tell(state, R"(received A 2 102 uuid="waits")");
  tell(state, R"(started A 3 103 uuid="first")");
  tell(state, R"(received A 4 104 uuid="next")");
  EXPECT_EQ(state.tasks().find("waits"), kNoTask);
  EXPECT_NE(state.tasks().find("first"), kNoTask);
}

TEST(State, KeepsItsBytesUnderAStreamOfStrangers) {
  State::Options options;
  options.bytes_max = std::size_t{1} << 20;
  options.names_max = 100;
  State state(options);
  ::xylem::testing::Chance chance(1);
  for (int i = 0; i < 20'000; ++i) {
    const std::string n = std::to_string(chance.below(1'000'000));
    tell(state, "received H" + n + " 1 100 uuid=\"" + n + "\" name=\"n" + n + "\" args=\"" +
                    std::string(chance.below(300), 'x') + "\"");
  }
  EXPECT_LE(state.bytes(), options.bytes_max + (std::size_t{4} << 20));
  EXPECT_LT(state.tasks().size(), 20'000u);
  EXPECT_GT(state.names().turned_away(), 0u);
  EXPECT_GT(state.counters().evicted[3], 0u);
}

TEST(State, RefusesWhatIsNoEventAndSaysWhy) {
  State state({});
  tell_json(state, R"({})");
  tell_json(state, R"({"type": 5})");
  tell_json(state, R"({"type": "task-started", "timestamp": 1})");
  tell_json(state, R"({"type": "task-started", "timestamp": 1, "uuid": ["x"]})");
  tell_json(state, R"({"type": "task-started", "timestamp": 1, "uuid": ")" + std::string(256, 'x') +
                       "\"}");
  tell_json(state, R"({"type": "worker-online", "timestamp": 1})");
  tell_json(state, R"({"type": "task-started", "timestamp": "1", "uuid": "x"})");
  tell_json(state, R"({"type": "task-started", "timestamp": 32503680000, "uuid": "x"})");
  tell_json(state, R"({"type": "task-started", "timestamp": 1e300, "uuid": "x"})");
  tell_json(state, R"({"type": "task-started", "timestamp": -1, "uuid": "x"})");
  tell_json(state, R"({"type": "custom-thing"})");
  EXPECT_EQ(state.tasks().size(), 0u);
  const auto refused = [&](StateRefusal why) {
    return state.counters().refused[static_cast<std::size_t>(why)];
  };
  EXPECT_EQ(refused(StateRefusal::no_type), 2u);
  EXPECT_EQ(refused(StateRefusal::no_uuid), 2u);
  EXPECT_EQ(refused(StateRefusal::long_uuid), 1u);
  EXPECT_EQ(refused(StateRefusal::no_hostname), 1u);
  EXPECT_EQ(refused(StateRefusal::no_timestamp), 1u);
  EXPECT_EQ(refused(StateRefusal::far_time), 3u);
  EXPECT_EQ(state.counters().other_events, 1u);
  EXPECT_EQ(state.counters().events, 11u);
}

TEST(State, CutsLongTextsWhereNoCharacterAndNoEscapeEnds) {
  for (std::size_t room = 16; room < 40; ++room) {
    State::Options options;
    options.value_bytes_max = room;
    State state(options);
    tell(state, R"(failed A 1 100 traceback="é\u00e9\\\\é\né\u00e9\\é\u00e9éééé\"ééé")");
    const Life life(state.tasks().at(state.tasks().find("t")).newest);
    std::string json(life.value(EventField::traceback));
    EXPECT_LE(json.size(), room + 1);
    const std::size_t bytes = json.size();
    json.resize(bytes + Slab::kSlack);
    EXPECT_EQ(end_of_json_value(json.data(), json.data() + bytes), json.data() + bytes) << room;
    EXPECT_EQ(state.counters().values_cut, 1u);
  }
}

TEST(State, MeasuresWaitFromTheEtaOn) {
  State state({});
  tell(state, R"(sent C 1 100 retries=0 name="a" queue="q" eta="1970-01-01T00:03:20+00:00")");
  tell(state, R"(received A 2 101 retries=0 name="a" eta="1970-01-01T00:03:20+00:00")");
  tell(state, "started A 3 202", kNow + kSecond);
  tell(state, R"(succeeded A 4 205 runtime=3)", kNow + 4 * kSecond);
  const Tally* const tally = state.by_queue().find(state.queues().find("q"));
  ASSERT_NE(tally, nullptr);
  EXPECT_EQ(tally->wait.count(), 1u);
  EXPECT_NEAR(*tally->run.percentile(0.5), 3, 0.2);
}

TEST(State, CountsTheSameWhateverComesFirst) {
  std::vector<std::string_view> lines{R"(received A 2 101 retries=0 name="a")", "started A 3 102",
                                      "succeeded A 4 103 runtime=3"};
  std::sort(lines.begin(), lines.end());
  do {
    State state({});
    for (const std::string_view line : lines) tell(state, line);
    const Tally* const tally = state.by_name().find(state.names().find("a"));
    ASSERT_NE(tally, nullptr);
    for (const Kind kind : {Kind::received, Kind::started, Kind::succeeded}) {
      EXPECT_EQ(tally->events[static_cast<std::size_t>(kind)], 1u);
    }
    EXPECT_EQ(tally->run.count(), 1u);
    EXPECT_EQ(tally->wait.count(), 1u);
  } while (std::next_permutation(lines.begin(), lines.end()));
}

TEST(State, GroupsFailuresByWhatWasRaisedAndWhere) {
  State state({});
  const std::string where =
      R"x(traceback="Traceback:\n\u0020File\u0020\"m.py\",\u0020line\u00207,\u0020in\u0020f\n")x";
  tell(state, R"x(failed A 1 100 uuid="a" exception="ValueError(1)," )x" + where);
  tell(state, R"x(failed A 2 101 uuid="b" exception="ValueError(2)," )x" + where);
  tell(state, R"x(failed A 3 102 uuid="c" exception="KeyError(2)," )x" + where);
  tell(state, R"x(failed A 3 102 uuid="c" exception="KeyError(2)," )x" + where);
  ASSERT_EQ(state.failures().groups().size(), 2u);
  const auto& [key, group] = *state.failures().groups().rbegin();
  EXPECT_EQ(key.exception, "ValueError");
  EXPECT_EQ(key.place, "m.py:7 f");
  EXPECT_EQ(group.failed, 2u);
  EXPECT_EQ(state.failures().groups().begin()->second.failed, 1u);
}

TEST(State, CallsNobodyStuckForWhatItCouldNotSee) {
  State state({});
  std::int64_t at = kNow;
  tell(state, R"(received A 1 100 uuid="x" name="a" retries=0)", at);
  tell(state, R"(succeeded A 2 101 uuid="x" runtime=1)", at);
  tell(state, R"(received A 3 102 name="a" retries=0)", at);
  tell(state, "started A 4 103", at);
  const Task& task = state.tasks().at(state.tasks().find("t"));
  at += 100 * kSecond;
  tell(state, "heartbeat A 50 203 freq=2", at);
  EXPECT_TRUE(state.is_stuck(task, at));
  state.note_blindness({kNow + kSecond, kNow + 2 * kSecond, 5});
  EXPECT_FALSE(state.is_stuck(task, at));
}

TEST(State, TakesMoreEventsOfATaskThanItKeeps) {
  State state({});
  for (int i = 0; i < 100; ++i) {
    tell(state, "step A " + std::to_string(i + 1) + " " + std::to_string(100 + i));
  }
  EXPECT_EQ(state.counters().sightings_dropped, 100 - Life::kSightingsMax);
  EXPECT_EQ(state_word(state), "STEP");
}

}  // namespace
}  // namespace xylem::cluster
