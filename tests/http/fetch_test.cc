#include "relay/http/fetch.h"

#include <gtest/gtest.h>

#include "relay/http/http_server.h"

namespace xylem {
namespace {

class View final : public RelayView {
 public:
  Samples samples() const override { return {}; }
  std::vector<Check> liveness() const override { return {}; }
  std::vector<Check> readiness() const override { return {{"data flows", false, "no"}}; }
  std::vector<TapBoard::Row> taps() const override { return {}; }
};

class HttpFetchTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(server.start()); }
  View view;
  HttpServer server{{{Address::parse("http://127.0.0.1:0").value()}, {}}, view};
};

TEST_F(HttpFetchTest, GivesTheBodyOfAPage) {
  const auto body = http_get(server.bound().front(), "/api/taps");
  ASSERT_TRUE(body) << body.error().message;
  EXPECT_EQ(*body, taps_page(view).body);
}

TEST_F(HttpFetchTest, SaysWhichStatusThePageHad) {
  const auto body = http_get(server.bound().front(), "/readyz");
  ASSERT_FALSE(body);
  EXPECT_EQ(body.error().code, ErrorCode::refused);
  EXPECT_NE(body.error().message.find("/readyz answers 503"), std::string::npos);
}

TEST_F(HttpFetchTest, SaysWhatTheRelaySaysIsWrong) {
  const auto body = http_get(server.bound().front(), "/api/v1/tasks");
  ASSERT_FALSE(body);
  EXPECT_NE(body.error().message.find("answers 503: this relay keeps no state"), std::string::npos)
      << body.error().message;
}

TEST_F(HttpFetchTest, WaitsNoLongerThanWanted) {
  int asked = 0;
  const auto body = http_get(server.bound().front(), "/api/taps", [&] { return ++asked == 0; });
  EXPECT_FALSE(body);
  EXPECT_EQ(asked, 1);
}

TEST_F(HttpFetchTest, SaysWhenNobodyAnswers) {
  const Address address = server.bound().front();
  server.stop();
  EXPECT_EQ(http_get(address, "/").error().code, ErrorCode::timed_out);
}

TEST(PathPart, EndsNeitherPathNorQuery) {
  EXPECT_EQ(path_part("celery@a-1/?x&y=\xC3"), "celery%40a-1%2F%3Fx%26y%3D%C3");
}

}  // namespace
}  // namespace xylem
