// Goal    what is wanted is asked for as often as it should be, and keys are heeded meanwhile.
// Method  a terminal without one, a relay's real HTTP server, and a clock that waiting moves.

#include "relay/top/watch.h"

#include <gtest/gtest.h>

#include <deque>

#include "relay/cluster/state_reader.h"
#include "relay/http/http_server.h"
#include "tests/cluster/life_stories.h"
#include "tests/top/answers.h"

namespace xylem::top {
namespace {

class RelayOfOneTask final : public RelayView {
 public:
  RelayOfOneTask() {
    cluster::testing::tell(
        shared_.state,
        cluster::testing::story_event(R"(received A 1 100 retries=0 name="mail.send" uuid="u1")"),
        1'000'000'000);
    shared_.now_us = 1'000'000'000;
  }
  Samples samples() const override { return {}; }
  std::vector<Check> liveness() const override { return {}; }
  std::vector<Check> readiness() const override { return {}; }
  std::vector<TapBoard::Row> taps() const override { return {}; }
  const cluster::SharedState* state() const override {
    ++asked;
    return &shared_;
  }
  mutable std::atomic<int> asked{0};

 private:
  cluster::SharedState shared_{{}};
};

class Time final : public Clock {
 public:
  Instant now() const override { return now_; }
  std::int64_t wall_us() const override { return 1'000'000'000'000'000; }
  Instant now_{std::chrono::hours(1)};
};

// Presses what it was told, a key each time somebody waits; then ends.
class Fingers final : public Terminal {
 public:
  Fingers(Time& time, std::deque<char> keys) : time_(time), keys_(std::move(keys)) {}
  Size size() const override { return {80, 24}; }
  void draw(const Screen& screen) override { shown += text_of(screen) + "=\n"; }
  void forget_drawn() override {}
  std::optional<Key> wait(std::chrono::milliseconds patience) override {
    if (patience.count() == 0) return std::nullopt;
    time_.now_ = time_.now_ + patience;
    if (keys_.empty()) {
      ended_ = true;
      return std::nullopt;
    }
    const char key = keys_.front();
    keys_.pop_front();
    if (key == '.') return std::nullopt;  // so long nobody pressed anything
    if (key == '\r') return Key{Key::Kind::enter};
    return Key{Key::Kind::letter, static_cast<char32_t>(key)};
  }
  bool ended() const override { return ended_; }
  std::string shown;

 private:
  Time& time_;
  std::deque<char> keys_;
  bool ended_ = false;
};

class WatchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    testing::in_a_known_place();
    ASSERT_TRUE(server_.start());
  }
  std::string watched(std::deque<char> keys) {
    Fingers fingers(time_, std::move(keys));
    watch({server_.bound().front(), std::chrono::seconds(1)}, console_, fingers, time_);
    return fingers.shown;
  }
  RelayOfOneTask relay_;
  HttpServer server_{{{Address::parse("http://127.0.0.1:0").value()}, {}}, relay_};
  Console console_{{"http://relay"}};
  Time time_;
};

TEST_F(WatchTest, ShowsWhatTheRelayKnows) {
  const std::string shown = watched({'.'});
  EXPECT_NE(shown.find("mail.send"), std::string::npos) << shown;
}

TEST_F(WatchTest, AsksOnceAnInterval) {
  static_cast<void>(watched({'.', '.', '.'}));
  EXPECT_EQ(relay_.asked, 2 * 4);  // the status and the tasks, at once and after each second
}

TEST_F(WatchTest, AsksAtOnceForWhatAKeyWants) {
  const std::string shown = watched({'\r'});
  EXPECT_NE(shown.find("task-received"), std::string::npos) << shown;
  EXPECT_EQ(relay_.asked, 2 * 2);
}

TEST_F(WatchTest, SaysThatTheRelayIsAwayAndAsksAgain) {
  server_.stop();
  const std::string shown = watched({'.', '.'});
  EXPECT_NE(shown.find("NO ANSWER"), std::string::npos) << shown;
  EXPECT_NE(shown.find("nobody answers at"), std::string::npos) << shown;
}

TEST_F(WatchTest, EndsWithTheKeyForIt) {
  Fingers fingers(time_, {'q', '.', '.'});
  watch({server_.bound().front(), std::chrono::seconds(1)}, console_, fingers, time_);
  EXPECT_FALSE(fingers.ended());
}

TEST_F(WatchTest, TakesNobodyElseForARelay) {
  const auto answer = ask(server_.bound().front(), {View::gaps, "", {}, 10, "", false});
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->pages.size(), 3u);
}

}  // namespace
}  // namespace xylem::top
