// Goal    keys do what the help says, and every screen fits.
// Method  a console without terminal and network: keys and answers in, screens as text out.

#include "relay/top/console.h"

#include <gtest/gtest.h>

#include <sstream>

#include "tests/top/answers.h"

namespace xylem::top {
namespace {

constexpr double kNow = 1'000'000'100;

class Consoles : public ::testing::Test {
 protected:
  void SetUp() override {
    testing::in_a_known_place();
    console_.resize({80, 24});
  }
  void press(std::string_view letters) {
    for (const char letter : letters) {
      console_.press({Key::Kind::letter, static_cast<char32_t>(letter)});
    }
  }
  void press(Key::Kind kind) { console_.press({kind}); }
  void take(const char* page, double now = kNow) { console_.take(testing::answer({page}), now); }
  std::string shown() const { return text_of(console_.screen()); }
  std::string line(std::size_t number) const {
    std::istringstream lines(shown());
    std::string one;
    for (std::size_t i = 0; i <= number; ++i) std::getline(lines, one);
    return one;
  }
  // The row that is chosen, as it is shown.
  std::string chosen() const {
    const Screen screen = console_.screen();
    for (std::size_t i = 5; i < screen.lines.size(); ++i) {
      if (screen.lines[i].is_bar) return text_of({{screen.lines[i]}, {}});
    }
    return "";
  }
  Console console_{{"http://127.0.0.1:7680"}};
};

TEST_F(Consoles, FillEightyColumnsAndTwentyFourLines) {
  take(testing::kTasks);
  EXPECT_EQ(shown(),
            "xylem top  http://127.0.0.1:7680                                        01:48:20\n"
            "events 1,234,567 (-/s)  tasks 2  workers 2 alive, 1 dead\n"
            "[1 tasks] 2 workers  3 names  4 queues  5 failures  6 gaps   by changed\n"
            "knows since 01:46:40\n"
            "TIMEv      STATE        RAN NAME                  WORKER            UUID\n"
            "01:48:19 ! FAILURE    1.25s mail.send             celery@web-1      5a6c7e0e-00…\n"
            "01:47:30 ? STARTED    50.0s video.cut             celery@web-2      5a6c7e0e-00…\n"
            "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n"
            "5a6c7e0e-0000-4000-8000-000000000001 mail.send: ValueError('no')\n"
            "q quit  ? help  / filter  o sort  Enter open  t traceback  p pause  1-6 views\n");
}

TEST_F(Consoles, FitEverySize) {
  take(testing::kTasks);
  for (const Size size : {Size{80, 24}, {81, 25}, {120, 40}, {300, 100}}) {
    console_.resize(size);
    for (const char* keys : {"", "?", "?2", "6", "1"}) {
      press(keys);
      const Screen screen = console_.screen();
      EXPECT_EQ(screen.lines.size(), size.lines);
      for (const Line& each : screen.lines) {
        EXPECT_LE(columns_of(text_of({{each}, {}})), size.columns) << text_of({{each}, {}});
      }
    }
  }
}

TEST_F(Consoles, SayWhatASmallTerminalLacks) {
  console_.resize({79, 24});
  EXPECT_EQ(shown(), "xylem top needs 80 x 24, this is 79 x 24\n");
  console_.resize({20, 5});
  EXPECT_EQ(shown(), "xylem top needs 80 …\n");
  console_.resize({80, 24});
  EXPECT_NE(shown().find("tasks"), std::string::npos);
}

TEST_F(Consoles, ShowOneViewAfterTheOther) {
  for (const auto& [key, view] :
       {std::pair('2', View::workers), std::pair('3', View::names), std::pair('4', View::queues),
        std::pair('5', View::failures), std::pair('6', View::gaps), std::pair('1', View::tasks)}) {
    press(std::string(1, key));
    EXPECT_EQ(console_.wanted().view, view);
  }
  press(Key::Kind::back_tab);
  EXPECT_EQ(console_.wanted().view, View::gaps);
  press(Key::Kind::tab);
  EXPECT_EQ(console_.wanted().view, View::tasks);
}

TEST_F(Consoles, KeepWhatIsChosenWhereverItMoves) {
  take(testing::kTasks);
  press("j");
  EXPECT_NE(chosen().find("video.cut"), std::string::npos);
  Json tasks = Json::parse(testing::kTasks);
  std::swap(tasks["tasks"][0], tasks["tasks"][1]);
  tasks["tasks"].insert(tasks["tasks"].begin(), Json{{"uuid", "new"}, {"state", "SUCCESS"}});
  take(tasks.dump().c_str());
  EXPECT_NE(chosen().find("video.cut"), std::string::npos);
  press("g");
  EXPECT_NE(chosen().find("new"), std::string::npos);
  take(testing::kTasks);  // the first stays the first, whoever that is
  EXPECT_NE(chosen().find("mail.send"), std::string::npos);
  press("G");
  EXPECT_NE(chosen().find("video.cut"), std::string::npos);
  press("k");
  EXPECT_NE(chosen().find("mail.send"), std::string::npos);
}

TEST_F(Consoles, AskForAsManyTasksAsCanBeScrolledTo) {
  EXPECT_EQ(console_.wanted().limit, 34u);
  Json tasks{{"tasks", Json::array()}};
  for (int i = 0; i < 34; ++i) tasks["tasks"].push_back({{"uuid", std::to_string(i)}});
  take(tasks.dump().c_str());
  press("G");
  EXPECT_EQ(console_.wanted().limit, 51u);
  EXPECT_EQ(line(21).substr(68), "33");
  press(Key::Kind::page_up);
  EXPECT_EQ(chosen().substr(68), "16\n");
}

TEST_F(Consoles, OpenATaskAndComeBack) {
  take(testing::kTasks);
  press("j");
  press(Key::Kind::enter);
  EXPECT_EQ(console_.wanted().uuid, "5a6c7e0e-0000-4000-8000-000000000002");
  take(R"({"uuid": "x", "state": "STARTED", "family": [
    {"relation": "parent", "uuid": "p", "name": "n", "state": "SUCCESS"}]})");
  EXPECT_EQ(line(4), "uuid         x");
  press("u");
  EXPECT_EQ(console_.wanted().uuid, "p");
  take(R"({"uuid": "p", "state": "SUCCESS"})");
  press("u");
  EXPECT_EQ(line(22), "it has no parent");
  press(Key::Kind::escape);
  EXPECT_EQ(console_.wanted().uuid, "5a6c7e0e-0000-4000-8000-000000000002");
  press(Key::Kind::escape);
  EXPECT_EQ(console_.wanted().uuid, "");
  take(testing::kTasks);
  EXPECT_NE(chosen().find("video.cut"), std::string::npos);
}

TEST_F(Consoles, GoToATracebackAndAlongTheFamily) {
  take(testing::kTasks);
  press("t");
  take(R"({"uuid": "x", "state": "FAILURE", "traceback": "Traceback:\n E", "family": [
    {"relation": "child", "uuid": "c", "name": "n", "state": "SUCCESS"}]})");
  const auto bar = [this] {
    for (const Line& each : console_.screen().lines) {
      if (each.is_bar) return text_of({{each}, {}});
    }
    return std::string();
  };
  EXPECT_EQ(bar(), "traceback    Traceback:\n");
  press("G");
  EXPECT_EQ(bar(), "child   SUCCESS  c n\n");
  press(Key::Kind::enter);
  EXPECT_EQ(console_.wanted().uuid, "c");
}

TEST_F(Consoles, ShowTheTasksBehindARow) {
  press("2");
  take(R"({"workers": [{"hostname": "celery@a", "verdict": "alive"}]})");
  press(Key::Kind::enter);
  EXPECT_EQ(console_.wanted().view, View::tasks);
  EXPECT_EQ(console_.wanted().filter, "worker:\"celery@a\"");
  take(testing::kTasks);
  EXPECT_EQ(line(3), "filter worker:\"celery@a\"  knows since 01:46:40");
  press(Key::Kind::escape);
  EXPECT_EQ(console_.wanted().filter, "");
}

TEST_F(Consoles, TakeAFilterAndSayWhatIsWrongWithIt) {
  press("/stat:FAILURE");
  press(Key::Kind::enter);
  EXPECT_EQ(console_.wanted().filter, "");
  EXPECT_NE(line(22).find("no key 'stat'; the nearest is 'state'"), std::string::npos) << line(22);
  EXPECT_EQ(line(23), "filter: stat:FAILURE");
  press(std::string(1, 0x15));
  press("state:FAILUREE");
  press(Key::Kind::backspace);
  ASSERT_TRUE(console_.screen().cursor);
  EXPECT_EQ(console_.screen().cursor->column, std::string("filter: state:FAILURE").size());
  press(Key::Kind::enter);
  EXPECT_EQ(console_.wanted().filter, "state:FAILURE");
  EXPECT_FALSE(console_.screen().cursor);
  press("/q");
  press(Key::Kind::escape);
  EXPECT_EQ(console_.wanted().filter, "state:FAILURE");
  EXPECT_FALSE(console_.done());
}

TEST_F(Consoles, SortByNameAndByTheColumnBeside) {
  press("oelapsed");
  press(Key::Kind::enter);
  EXPECT_EQ(console_.wanted().order.column, "elapsed");
  press(">");
  EXPECT_EQ(console_.wanted().order.column, "changed");
  press("I");
  EXPECT_NE(line(22).find("the relay sorts tasks"), std::string::npos);
  press("ouuid");
  press(Key::Kind::enter);
  EXPECT_EQ(line(22), "there is no 'uuid' to sort by; there are changed, elapsed");
  press(Key::Kind::escape);
  press("3");
  take(R"({"names": [{"name": "b", "rate": 1}, {"name": "a", "rate": 2}]})");
  EXPECT_EQ(line(5).substr(0, 1), "a");
  press("I");
  EXPECT_EQ(line(5).substr(0, 1), "b");
  press("<");
  EXPECT_EQ(console_.wanted().order.column, "name");
  EXPECT_TRUE(console_.wanted().order.upwards);
  EXPECT_EQ(line(5).substr(0, 1), "a");
}

TEST_F(Consoles, HoldBackWhileTheyArePaused) {
  take(testing::kTasks);
  press("p");
  EXPECT_TRUE(console_.wanted().status_alone);
  Answer later = testing::answer({});
  later.pages[0]["events"] = 1'234'667;
  later.pages[0]["now"]["seconds"] = kNow + 1;
  console_.take(later, kNow + 1);
  EXPECT_NE(line(0).find("PAUSED for 1.00s, 100 events held back"), std::string::npos) << line(0);
  EXPECT_NE(shown().find("mail.send"), std::string::npos);
  press(Key::Kind::enter);
  EXPECT_FALSE(console_.wanted().status_alone);  // what was never seen is asked for once
  press("p");
  EXPECT_EQ(line(0).find("PAUSED"), std::string::npos);
}

TEST_F(Consoles, CountEventsASecond) {
  take(testing::kTasks);
  Answer later = testing::answer({testing::kTasks});
  later.pages[0]["events"] = 1'234'817;
  later.pages[0]["now"]["seconds"] = kNow + 2;
  console_.take(later, kNow + 2);
  EXPECT_NE(line(1).find("(125/s)"), std::string::npos) << line(1);
}

TEST_F(Consoles, SayThatNobodyAnswersAndThatARelayBeganAnew) {
  take(testing::kTasks);
  console_.take_failure("nobody answers at http://127.0.0.1:7680", kNow + 1);
  console_.take_failure("nobody answers at http://127.0.0.1:7680", kNow + 3);
  EXPECT_NE(line(0).find("NO ANSWER for 2.00s"), std::string::npos) << line(0);
  EXPECT_EQ(line(3), "nobody answers at http://127.0.0.1:7680");
  EXPECT_NE(shown().find("mail.send"), std::string::npos);
  Answer anew = testing::answer({testing::kTasks});
  anew.pages[0]["known_since"]["seconds"] = kNow + 4;
  console_.take(anew, kNow + 5);
  EXPECT_EQ(line(0).find("NO ANSWER"), std::string::npos);
  EXPECT_EQ(line(22), "the relay began anew: it knows what came since 01:48:24");
}

TEST_F(Consoles, TellOfBlindnessAndOfWhatWasNotLookedAt) {
  Json tasks = Json::parse(testing::kTasks);
  tasks["searched"] = 1;
  tasks["gaps"].push_back({{"from", {{"seconds", kNow}}}, {"to", {{"seconds", kNow + 5}}}});
  take(tasks.dump().c_str());
  EXPECT_NE(line(3).find("the 1 that changed last were looked at"), std::string::npos) << line(3);
  EXPECT_NE(line(3).find("blind from 01:48:20 to 01:48:25"), std::string::npos) << line(3);
}

TEST_F(Consoles, ObeyCommands) {
  for (const char* command : {":workers", ":filter state:RETRY", ":sort elapsed", ":limit 7"}) {
    press(command);
    press(Key::Kind::enter);
    EXPECT_EQ(line(22), "");
  }
  const Wanted wanted = console_.wanted();
  EXPECT_EQ(wanted.view, View::tasks);
  EXPECT_EQ(wanted.filter, "state:RETRY");
  EXPECT_EQ(wanted.order.column, "elapsed");
  EXPECT_EQ(wanted.limit, 7u);
  press(":nonsense");
  press(Key::Kind::enter);
  EXPECT_NE(line(22).find("commands: tasks"), std::string::npos);
  press(Key::Kind::escape);
  press(":task abc");
  press(Key::Kind::enter);
  EXPECT_EQ(console_.wanted().uuid, "abc");
  press(":limit 1001");
  press(Key::Kind::enter);
  EXPECT_NE(line(22).find("from 1 to 1000"), std::string::npos);
  press(Key::Kind::escape);
  press(":quit");
  press(Key::Kind::enter);
  EXPECT_TRUE(console_.done());
}

TEST_F(Consoles, HelpWithTheKeysAndQuit) {
  press("?");
  EXPECT_NE(shown().find("PgUp PgDn"), std::string::npos);
  EXPECT_EQ(shown().find("…"), std::string::npos) << shown();
  press("j");
  EXPECT_EQ(shown().find("PgUp PgDn"), std::string::npos);
  press("c");
  EXPECT_NE(line(22).find("celery -A APP control revoke"), std::string::npos);
  press("w");
  EXPECT_TRUE(console_.take_snapshot_wish());
  EXPECT_FALSE(console_.take_snapshot_wish());
  press("q");
  EXPECT_TRUE(console_.done());
}

TEST_F(Consoles, ShowNoByteThatATerminalObeys) {
  const std::string hostile = "\x1b]0;owned\x07\u202e\xff";
  Json task{{"uuid", hostile}, {"name", hostile},      {"state", hostile},     {"worker", hostile},
            {"args", hostile}, {"exception", hostile}, {"traceback", hostile}, {"queue", hostile}};
  Answer answer = testing::answer({});
  answer.pages.push_back({{"tasks", Json::array({task})}});
  console_.resize({200, 30});
  console_.take(answer, kNow);
  const auto is_harmless = [&] {
    const std::string text = shown();
    return text.find_first_of("\x1b\x07\xff") == std::string::npos &&
           text.find("\u202e") == std::string::npos &&
           text.find("\\x1b]0;owned\\x07\\u202e\\xff") != std::string::npos;
  };
  EXPECT_TRUE(is_harmless()) << shown();
  press(Key::Kind::enter);
  EXPECT_TRUE(is_harmless());
  answer.pages[1] = task;
  console_.take(answer, kNow);
  EXPECT_TRUE(is_harmless()) << shown();
  console_.take_failure("said " + hostile, kNow);
  EXPECT_TRUE(is_harmless());
}

}  // namespace
}  // namespace xylem::top
