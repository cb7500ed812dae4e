#include "relay/http/http_server.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "relay/http/fetch.h"
#include "tests/doubles/talker.h"

namespace xylem {
namespace {

using namespace std::chrono_literals;
using testing::Talker;

// Writes down what it is asked for, and can be made to take its time with /api/taps.
class View final : public RelayView {
 public:
  Samples samples() const override { return asked("samples"), Samples{}; }
  std::vector<Check> liveness() const override { return asked("liveness"), std::vector<Check>{}; }
  std::vector<Check> readiness() const override { return {{"data flows", false, "no"}}; }
  std::vector<TapBoard::Row> taps() const override {
    asked("taps");
    if (gate.valid()) gate.wait();
    return std::vector<TapBoard::Row>(taps_shown, {"stream", "name", "#", "block", {}});
  }
  [[nodiscard]] std::string heard() const {
    const std::scoped_lock lock(mutex_);
    return heard_;
  }
  std::size_t taps_shown = 0;
  std::shared_future<void> gate;

 private:
  void asked(std::string_view what) const {
    const std::scoped_lock lock(mutex_);
    heard_.append(what).append(" ");
  }
  mutable std::mutex mutex_;
  mutable std::string heard_;
};

constexpr std::string_view kAsk = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
constexpr std::string_view kEnd = "ledger of each\n";  // of what is asked for
constexpr std::string_view kAskTaps = "GET /api/taps HTTP/1.1\r\nHost: localhost\r\n\r\n";
constexpr std::size_t kTooManyToTake = 5'000;  // taps: some MiB, more than the kernel holds

class HttpServerTest : public ::testing::Test {
 protected:
  void serve(const HttpServer::Limits& limits = {}, const char* listen = "http://127.0.0.1:0") {
    server.emplace(HttpServer::Options{{Address::parse(listen).value()}, limits}, view);
    ASSERT_TRUE(server->start());
  }
  [[nodiscard]] const Address& at() const { return server->bound().front(); }
  [[nodiscard]] double figure(Metric metric, std::string_view reason = {}) const {
    Samples samples;
    server->sample(samples);
    const auto found = std::find_if(samples.begin(), samples.end(), [&](const Sample& sample) {
      return sample.metric == metric && (reason.empty() || sample.labels.front().second == reason);
    });
    return found == samples.end() ? -1 : found->value;
  }
  [[nodiscard]] double let_go(std::string_view reason) const {
    return figure(Metric::http_let_go, reason);
  }
  // The whole answer to `request`, and that the connection ends behind it.
  std::string told(std::string_view request) {
    Talker talker(at());
    EXPECT_TRUE(talker.say(request));
    return talker.hear();
  }
  View view;
  std::optional<HttpServer> server;
};

bool is_served(Talker& talker) {
  return talker.say(kAsk) && talker.hear(kEnd).starts_with("HTTP/1.1 200 OK\r\n");
}

TEST_F(HttpServerTest, ServesItsPagesOnThePortThatItSays) {
  serve();
  ASSERT_NE(at().port(), 0);
  for (const char* page : {"/healthz", "/", "/metrics", "/api/taps"}) {
    EXPECT_TRUE(http_get(at(), page)) << page;
  }
  EXPECT_EQ(figure(Metric::http_requests), 4);
}

TEST_F(HttpServerTest, AnswersWithTheStatusOfThePage) {
  serve();
  const auto page = http_get(at(), "/readyz");
  ASSERT_FALSE(page);
  EXPECT_NE(page.error().message.find("503"), std::string::npos) << page.error().message;
}

TEST_F(HttpServerTest, ListensEverywhereWhenAskedTo) {
  serve({}, "http://*:0");
  Talker talker(at());
  EXPECT_TRUE(is_served(talker));
}

TEST_F(HttpServerTest, SaysWhenItsPortIsTaken) {
  serve();
  HttpServer second({{at()}}, view);
  const auto started = second.start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ErrorCode::address_in_use);
}

TEST_F(HttpServerTest, KeepsTheConnectionForTheNextRequest) {
  serve();
  Talker talker(at());
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(is_served(talker));
  EXPECT_EQ(figure(Metric::http_connections), 1);
}

TEST_F(HttpServerTest, EndsTheConnectionWhenAskedTo) {
  serve();
  EXPECT_TRUE(told("GET / HTTP/1.1\r\nConnection: close\r\n\r\n").ends_with(kEnd));
  EXPECT_TRUE(told("GET / HTTP/1.0\r\n\r\n").ends_with(kEnd));
}

TEST_F(HttpServerTest, AnswersRequestsThatCameTogetherInTheirOrder) {
  serve();
  const std::string heard = told(
      "GET /nothing HTTP/1.1\r\n\r\nHEAD / HTTP/1.1\r\n\r\nGET /api/taps HTTP/1.1\r\n\r\n"
      "GET / HTTP/1.1\r\nConnection: close\r\n\r\n");
  const std::size_t second = heard.find("HTTP/1.1 200");
  const std::size_t third = heard.find("HTTP/1.1 200", second + 1);
  const std::size_t fourth = heard.find("HTTP/1.1 200", third + 1);
  EXPECT_EQ(heard.find("HTTP/1.1 404"), 0u);
  ASSERT_NE(fourth, std::string::npos) << heard;
  EXPECT_EQ(heard.substr(third - 4, 4), "\r\n\r\n") << "HEAD has no body: " << heard;
  EXPECT_NE(heard.substr(third, fourth - third).find("\"taps\""), std::string::npos);
  EXPECT_TRUE(heard.ends_with(kEnd));
}

TEST_F(HttpServerTest, TakesARequestInAnyPieces) {
  serve();
  Talker talker(at());
  for (const char byte : kAsk) ASSERT_TRUE(talker.say(std::string_view(&byte, 1)));
  EXPECT_TRUE(talker.hear(kEnd).starts_with("HTTP/1.1 200"));
}

TEST_F(HttpServerTest, AnswersWhoHasNothingMoreToSay) {
  serve();
  Talker talker(at());
  ASSERT_TRUE(talker.say(kAsk));
  talker.say_no_more();
  EXPECT_TRUE(talker.hear().ends_with(kEnd));
}

TEST_F(HttpServerTest, LetsGoOfWhoSaysNothing) {
  serve({.idle_max = 30ms});
  EXPECT_EQ(Talker(at()).hear(), "");
  EXPECT_EQ(let_go("idle"), 1);
}

TEST_F(HttpServerTest, LetsGoOfWhoTakesTooLongToAsk) {
  serve({.request_max = 30ms});
  Talker talker(at());
  ASSERT_TRUE(talker.say("GET / HT"));
  // Few enough that its header is never too long, however fast they leave.
  for (int bytes = 0; let_go("slow_request") == 0; ++bytes) {
    bytes < 1000 ? static_cast<void>(talker.say("T")) : std::this_thread::yield();
  }
  EXPECT_EQ(talker.hear(), "") << "however many bytes it says meanwhile";
}

TEST_F(HttpServerTest, LetsGoOfWhoDoesNotReadItsAnswer) {
  view.taps_shown = kTooManyToTake;
  serve({.answer_max = 30ms});
  Talker deaf(at());
  ASSERT_TRUE(deaf.say(kAskTaps));
  Talker other(at());
  while (let_go("slow_answer") == 0) ASSERT_TRUE(is_served(other)) << "meanwhile";
  while (figure(Metric::http_answer_bytes) != 0) std::this_thread::yield();
}

TEST_F(HttpServerTest, HoldsNoMoreOfUnreadAnswersThanItMay) {
  view.taps_shown = kTooManyToTake;
  serve({.answer_bytes_max = 1 << 20});
  Talker first(at());
  Talker second(at());
  ASSERT_TRUE(first.say(kAskTaps));
  EXPECT_NE(first.hear("\r\n\r\n"), "");
  EXPECT_GT(figure(Metric::http_answer_bytes), 1 << 20) << "one is served, whatever it takes";
  ASSERT_TRUE(second.say(kAskTaps));
  EXPECT_TRUE(second.hear("\n}\n").starts_with("HTTP/1.1 200")) << "the newest is served";
  EXPECT_EQ(let_go("answer_bytes"), 1) << "the oldest made room";
}

TEST_F(HttpServerTest, LetsGoOfTheOldestIdleOneWhenItHasAsManyAsItMay) {
  serve({.connections_max = 3});
  Talker oldest(at()), asking(at()), middle(at());
  for (Talker* each : {&oldest, &asking, &middle}) ASSERT_TRUE(is_served(*each));
  ASSERT_TRUE(asking.say(kAsk.substr(0, 20)));
  Talker newest(at());
  EXPECT_TRUE(is_served(newest));
  EXPECT_EQ(oldest.hear(), "");
  EXPECT_TRUE(is_served(middle));
  ASSERT_TRUE(asking.say(kAsk.substr(20)));
  EXPECT_TRUE(asking.hear(kEnd).starts_with("HTTP/1.1 200"));
  EXPECT_EQ(let_go("crowded"), 1);
  EXPECT_EQ(figure(Metric::http_connections), 3);
}

TEST_F(HttpServerTest, RefusesAHeaderThatIsTooLong) {
  serve({.header_bytes_max = 100});
  const std::string fits = "GET / HTTP/1.1\r\nConnection: close\r\nX: " + std::string(58, 'x');
  EXPECT_TRUE(told(fits + "\r\n\r\n").starts_with("HTTP/1.1 200"));
  EXPECT_TRUE(told(fits + "x\r\n\r\n").starts_with("HTTP/1.1 431"));
  EXPECT_EQ(let_go("too_large"), 1);
}

TEST_F(HttpServerTest, RefusesAHeaderWithoutEnd) {
  serve();
  Talker talker(at());
  ASSERT_TRUE(talker.say("GET / HTTP/1.1\r\n"));
  while (let_go("too_large") == 0) {
    if (!talker.say("X-More: of the same and of the same and of the same\r\n")) break;
  }
  talker.say_no_more();
  EXPECT_TRUE(talker.hear().starts_with("HTTP/1.1 431"));
}

// A socket that is closed while there is something to read resets, and where the other side is not
// Linux that overtakes the answer.
TEST_F(HttpServerTest, HearsOutWhoStillSpeaksWhenRefused) {
  serve({.header_bytes_max = 100});
  Talker talker(at());
  ASSERT_TRUE(talker.say(std::string(8'000, 'X')));
  EXPECT_TRUE(talker.hear().starts_with("HTTP/1.1 431"));
  for (int i = 0; i < 500; ++i) ASSERT_TRUE(talker.say("X")) << i;
  talker.say_no_more();
  while (figure(Metric::http_connections) != 0) std::this_thread::yield();
}

TEST_F(HttpServerTest, RefusesWhatIsNotHttp) {
  serve();
  for (const char* words : {"\x16\x03\x01", "GET / HTTP/2.0\r\n\r\n", "GET / HTTP/1.0\n\n"}) {
    EXPECT_TRUE(told(words).starts_with("HTTP/1.1 400 Bad Request\r\n")) << words;
  }
  EXPECT_EQ(let_go("malformed"), 3);
  EXPECT_EQ(figure(Metric::http_requests), 0);
}

TEST_F(HttpServerTest, ReadsNoBodies) {
  serve();
  for (const char* request : {"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\nx",
                              "GET / HTTP/1.1\r\nContent-Length: 37\r\n\r\nGET / HTTP/1.1\r\n\r\n",
                              "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello"}) {
    Talker talker(at());
    ASSERT_TRUE(talker.say(request));
    talker.say_no_more();
    const std::string heard = talker.hear();
    EXPECT_TRUE(heard.starts_with("HTTP/1.1 40")) << heard;
    EXPECT_EQ(heard.rfind("HTTP/1.1"), 0u) << "a body is no second request: " << heard;
  }
  EXPECT_NE(told("PUT / HTTP/1.1\r\nConnection: close\r\n\r\n").find("\r\nAllow: GET, HEAD\r\n"),
            std::string::npos);
}

TEST_F(HttpServerTest, MakesAPageOnceForAllWhoWait) {
  std::promise<void> open;
  view.gate = open.get_future().share();
  serve();
  Talker first(at());
  ASSERT_TRUE(first.say(kAskTaps));
  while (view.heard() != "taps ") std::this_thread::yield();
  // All that comes now, and waits, is met in one turn.
  Talker metrics(at()), second(at()), third(at()), probe(at());
  ASSERT_TRUE(metrics.say("GET /metrics HTTP/1.1\r\n\r\n"));
  for (Talker* each : {&second, &third}) ASSERT_TRUE(each->say(kAskTaps));
  ASSERT_TRUE(probe.say("GET /healthz HTTP/1.1\r\n\r\n"));
  open.set_value();
  for (Talker* each : {&first, &second, &third}) EXPECT_NE(each->hear("\n}\n"), "");
  EXPECT_EQ(view.heard(), "taps liveness samples taps ") << "what is small waits for none of them";
}

TEST_F(HttpServerTest, TakesInACrowdInOneGo) {
  serve({.connections_max = 300});
  std::list<Talker> crowd;
  for (int i = 0; i < 200; ++i) crowd.emplace_back(at());
  for (Talker& each : crowd) ASSERT_TRUE(is_served(each));
  EXPECT_EQ(let_go("crowded"), 0);
}

TEST_F(HttpServerTest, StopsWithConnectionsInEveryStage) {
  view.taps_shown = kTooManyToTake;
  serve();
  Talker idle(at()), asking(at()), deaf(at()), leaving(at());
  ASSERT_TRUE(asking.say("GET / HT"));
  ASSERT_TRUE(deaf.say(kAskTaps));
  ASSERT_TRUE(leaving.say("GET / HTTP/1.0\r\n\r\n"));
  EXPECT_NE(deaf.hear("\r\n\r\n"), "");
  EXPECT_NE(leaving.hear(kEnd), "");
  server->stop();
  EXPECT_EQ(idle.hear(), "");
  EXPECT_EQ(asking.hear(), "");
}

}  // namespace
}  // namespace xylem
