// Goal    viewers see what changes, each task's latest, and know what they do not see.
// Method  a state that is told events between one word and the next; time in hand.

#include "relay/http/live_feed.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "relay/cluster/state_reader.h"
#include "tests/cluster/life_stories.h"

namespace xylem {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::json;
constexpr std::int64_t kNowUs = 1'000'000'000;

// One event of the stream: "diff" with its data and id.
struct Said {
  std::string event;
  std::string id;
  Json data;
};

std::vector<Said> said(const std::string& text) {
  std::vector<Said> all;
  std::stringstream lines(text);
  Said next;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("id: ")) next.id = line.substr(4);
    if (line.starts_with("event: ")) next.event = line.substr(7);
    if (line.starts_with("data: ")) next.data = Json::parse(line.substr(6));
    if (line.empty()) all.push_back(std::exchange(next, {}));
  }
  return all;
}

std::string uuids(const Json& rows) {
  std::string all;
  for (const Json& row : rows) all += row.is_string() ? row : row["uuid"];
  return all;
}

class Live : public ::testing::Test {
 protected:
  Live() { shared_.known_since_us = 77; }
  void tell(std::string_view line) {
    cluster::testing::tell(shared_.state, cluster::testing::story_event(line), kNowUs);
    shared_.now_us = kNowUs;
    ++shared_.as_of;
    const cluster::TaskNumber task = shared_.state.changed();
    ASSERT_NE(task, cluster::kNoTask);
    shared_.changes.add(
        {shared_.as_of, task, static_cast<std::uint32_t>(shared_.state.tasks().at(task).hash)});
  }
  std::vector<Said> begin(std::string_view query = "", std::string_view id = "") {
    auto begun = feed_.begin(query, id, now_);
    if (!begun) {
      ADD_FAILURE() << begun.error().message;
      return {};
    }
    viewer_ = std::move(begun->first);
    return said(begun->second);
  }
  std::vector<Said> next(Duration after = 0ms) {
    now_ = now_ + after;
    return said(feed_.next(viewer_, now_));
  }
  cluster::SharedState shared_{{}};
  LiveFeed feed_{shared_};
  LiveFeed::Viewer viewer_;
  Instant now_{};
};

TEST_F(Live, BeginsWithWhatThereIs) {
  tell(R"(started A 1 100 uuid="a")");
  tell(R"(started A 2 101 uuid="b")");
  const auto first = begin();
  ASSERT_EQ(first.size(), 2u);
  EXPECT_EQ(first[0].event, "hello");
  EXPECT_EQ(first[0].data["as_of"], 2);
  EXPECT_EQ(first[1].event, "snap");
  EXPECT_EQ(uuids(first[1].data["tasks"]), "ba");
  EXPECT_EQ(first[1].id, "77.2");
  EXPECT_TRUE(next().empty());
}

TEST(LiveFeed, BeginsWithTheLatestAlsoOfMoreTasksThanAreSearched) {
  cluster::State::Options options;
  options.tasks_max = 2 * cluster::StateReader::kSearchMax;
  cluster::SharedState shared{options};
  for (std::size_t task = 0; task <= cluster::StateReader::kSearchMax; ++task) {
    const auto line = fmt::format(R"(started A {} 100 uuid="t{}")", task + 1, task);
    cluster::testing::tell(shared.state, cluster::testing::story_event(line), kNowUs);
  }
  LiveFeed feed(shared);
  const auto begun = feed.begin("", "", Instant{});
  ASSERT_TRUE(begun);
  const auto first = said(begun->second);
  ASSERT_EQ(first.size(), 2u);
  EXPECT_EQ(first[1].data["tasks"][0]["uuid"],
            fmt::format("t{}", cluster::StateReader::kSearchMax));
}

TEST_F(Live, TellsTheLatestOfEachTaskThatChanged) {
  begin();
  tell(R"(received A 1 100 uuid="a")");
  tell(R"(started A 2 101 uuid="a")");
  tell(R"(received A 3 102 uuid="b")");
  const auto told = next();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].event, "diff");
  EXPECT_EQ(told[0].id, "77.3");
  EXPECT_EQ(uuids(told[0].data["tasks"]), "ab");
  EXPECT_EQ(told[0].data["tasks"][0]["state"], "STARTED");
  EXPECT_TRUE(next().empty());
}

TEST_F(Live, TellsWhatAFilterTakesAndWhatItTakesNoMore) {
  begin("state:STARTED");
  tell(R"(started A 1 100 uuid="a")");
  tell(R"(received A 2 100 uuid="b")");
  EXPECT_EQ(uuids(next().at(0).data["tasks"]), "a");
  tell(R"(succeeded A 3 101 uuid="a")");
  tell(R"(failed A 4 101 uuid="b")");
  const auto told = next();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(uuids(told[0].data["tasks"]), "");
  EXPECT_EQ(uuids(told[0].data["gone"]), "a") << "b was never shown";
}

TEST_F(Live, SaysEverySecondWhatIsShownHeldAndLost) {
  begin();
  for (std::size_t i = 0; i < LiveFeed::kRowsPerFrame + 5; ++i) {
    tell("started A 1 100 uuid=\"" + std::to_string(i) + "\"");
  }
  EXPECT_EQ(next(999ms).size(), 1u);
  const auto told = next(1ms);
  ASSERT_EQ(told.size(), 2u);
  EXPECT_EQ(told[0].data["tasks"].size(), 5u);
  EXPECT_EQ(told[1].event, "stat");
  EXPECT_EQ(told[1].data["shown"], LiveFeed::kRowsPerFrame + 5);
  EXPECT_EQ(told[1].data["held"], 0);
  EXPECT_EQ(told[1].data["lost"], 0);
}

TEST_F(Live, SaysHowMuchWasLostToWhoReadsSlowly) {
  shared_.changes = cluster::ChangeLog(4);
  begin();
  for (int i = 0; i < 10; ++i) tell("started A 1 100 uuid=\"" + std::to_string(i) + "\"");
  const auto told = next(1s);
  ASSERT_EQ(told.size(), 3u);
  EXPECT_EQ(told[0].event, "gap");
  EXPECT_EQ(told[0].data["changes"], 6);
  EXPECT_EQ(uuids(told[1].data["tasks"]), "6789");
  EXPECT_EQ(told[2].data["lost"], 6);
  EXPECT_EQ(viewer_.lost(), 6u);
}

TEST_F(Live, GoesOnWhereAViewerWas) {
  begin();
  tell(R"(started A 1 100 uuid="a")");
  const std::string id = next().at(0).id;
  tell(R"(started A 2 100 uuid="b")");
  const auto again = begin("", id);
  ASSERT_EQ(again.size(), 1u) << "no snapshot";
  EXPECT_EQ(again[0].data["resumed"], true);
  EXPECT_EQ(uuids(next().at(0).data["tasks"]), "b");
}

TEST_F(Live, TellsWhoComesBackTooLateHowMuchItMissed) {
  shared_.changes = cluster::ChangeLog(4);
  tell(R"(started A 1 100 uuid="a")");
  for (int i = 0; i < 9; ++i) tell("started A 1 100 uuid=\"" + std::to_string(i) + "\"");
  const auto again = begin("", "77.1");
  ASSERT_EQ(again.size(), 3u);
  EXPECT_EQ(again[1].event, "gap");
  EXPECT_EQ(again[1].data["changes"], 5);
  EXPECT_EQ(again[2].event, "snap");
  EXPECT_EQ(again[2].data["tasks"].size(), 10u);
  EXPECT_EQ(begin("", "77.6").size(), 1u) << "it missed nothing that is not kept";
}

TEST_F(Live, OfAnotherLifesPlaceKnowsNothing) {
  tell(R"(started A 1 100 uuid="a")");
  for (const char* const id : {"76.1", "77.2", "77.x", "rubbish", "77."}) {
    const auto again = begin("", id);
    ASSERT_EQ(again.size(), 3u) << id;
    EXPECT_EQ(again[0].data["resumed"], false);
    EXPECT_TRUE(again[1].data["changes"].is_null());
  }
}

TEST_F(Live, TellsWhenTheRelayWasBlind) {
  shared_.state.note_blindness({0, 1'000'000, 0});
  begin();
  EXPECT_TRUE(next().empty());
  shared_.state.note_blindness({5'000'000, 6'000'000, 17});
  const auto told = next();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].event, "gap");
  EXPECT_EQ(told[0].data["events"], 17);
}

TEST_F(Live, AFrameHasItsBound) {
  begin();
  const std::string args = "args=\"" + std::string(8000, 'x') + "\"";
  for (int i = 0; i < 60; ++i) {
    tell("started A 1 100 uuid=\"" + std::to_string(i) + "\" " + args);
  }
  std::size_t rows = 0;
  for (int frames = 0; rows < 60; ++frames) {
    ASSERT_LT(frames, 4);
    const std::string text = feed_.next(viewer_, now_);
    EXPECT_LT(text.size(), LiveFeed::kFrameBytesMax * 3 / 2);
    rows += said(text).at(0).data["tasks"].size();
  }
}

TEST_F(Live, RefusesWhatIsNoFilter) { EXPECT_FALSE(feed_.begin("stat:x", "", now_)); }

TEST_F(Live, WhoComesAtTheSameTimeIsShownTheSameSnapshot) {
  tell(R"(started A 1 100 uuid="a")");
  begin();
  tell(R"(started A 2 100 uuid="b")");
  EXPECT_EQ(uuids(begin().at(1).data["tasks"]), "a");
  EXPECT_EQ(uuids(next().at(0).data["tasks"]), "b") << "from where that was made";
}

TEST_F(Live, ASlowReadersPlaceIsNobodyElses) {
  begin();
  tell(R"(started A 1 100 uuid="a")");
  auto other = feed_.begin("", "", now_ + LiveFeed::kSnapFor);
  ASSERT_TRUE(other);
  tell(R"(started A 2 100 uuid="b")");
  EXPECT_EQ(uuids(said(feed_.next(other->first, now_)).at(0).data["tasks"]), "b");
  EXPECT_EQ(uuids(next().at(0).data["tasks"]), "ab");
}

}  // namespace
}  // namespace xylem
