#include "relay/http/http_server.h"

#include <gtest/gtest.h>

#include "relay/http/fetch.h"

namespace xylem {
namespace {

class EmptyView final : public RelayView {
 public:
  Samples samples() const override { return {}; }
  std::vector<Check> liveness() const override { return {}; }
  std::vector<Check> readiness() const override { return {{"data flows", false, "no"}}; }
  std::vector<TapBoard::Row> taps() const override { return {}; }
};

HttpServer::Options on_any_port() { return {{Address::parse("http://127.0.0.1:0").value()}}; }

TEST(HttpServer, ServesItsPagesOnThePortThatItSays) {
  const EmptyView view;
  HttpServer server(on_any_port(), view);
  ASSERT_TRUE(server.start());
  ASSERT_NE(server.bound().front().port(), 0);
  EXPECT_TRUE(http_get(server.bound().front(), "/healthz"));
  EXPECT_TRUE(http_get(server.bound().front(), "/"));
}

TEST(HttpServer, AnswersWithTheStatusOfThePage) {
  const EmptyView view;
  HttpServer server(on_any_port(), view);
  ASSERT_TRUE(server.start());
  const auto page = http_get(server.bound().front(), "/readyz");
  ASSERT_FALSE(page);
  EXPECT_NE(page.error().message.find("503"), std::string::npos) << page.error().message;
}

TEST(HttpServer, SaysWhenItsPortIsTaken) {
  const EmptyView view;
  HttpServer first(on_any_port(), view);
  ASSERT_TRUE(first.start());
  HttpServer second({first.bound()}, view);
  const auto started = second.start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ErrorCode::address_in_use);
}

TEST(HttpFetch, SaysWhenNobodyAnswers) {
  const EmptyView view;
  HttpServer server(on_any_port(), view);
  ASSERT_TRUE(server.start());
  const Address address = server.bound().front();
  server.stop();
  EXPECT_EQ(http_get(address, "/").error().code, ErrorCode::timed_out);
}

}  // namespace
}  // namespace xylem
