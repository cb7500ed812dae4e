#include "relay/http/routes.h"

#include <gtest/gtest.h>

namespace xylem {
namespace {

Address loopback() { return Address::parse("http://127.0.0.1:7680").value(); }

int status_of(const HttpRequest& request, const Address& address = loopback()) {
  const auto page = refusal_of(request, address);
  return page ? page->status : 200;
}

TEST(Routes, AreFoundByTheirPathWhateverTheQuery) {
  for (const char* path : {"/", "/healthz", "/readyz", "/metrics", "/api/taps", "/api/tasks",
                           "/api/live", "/api/task/info/x", "/api/workers"}) {
    ASSERT_NE(find_route(path), nullptr) << path;
    EXPECT_EQ(find_route(std::string(path) + "?a=b"), find_route(path));
  }
  for (const char* path : {"", "/metrics/", "//", "/api", "*", "/..%2f..%2fetc/passwd"}) {
    EXPECT_EQ(find_route(path), nullptr) << path;
  }
}

TEST(Routes, RefuseWhatIsNoReadingOfAPage) {
  EXPECT_EQ(status_of({"GET", "/metrics", "localhost"}), 200);
  EXPECT_EQ(status_of({"HEAD", "/metrics", "localhost"}), 200);
  EXPECT_EQ(status_of({"POST", "/metrics", "localhost", true}), 405);
  EXPECT_EQ(status_of({"get", "/metrics", "localhost"}), 405);
  EXPECT_EQ(status_of({"GET", "/metrics", "localhost", true}), 400);
  EXPECT_EQ(status_of({"GET", "/nothing", "localhost"}), 404);
  EXPECT_EQ(status_of({"POST", "/nothing", "localhost"}), 404);
}

TEST(Routes, SayWhatWouldBeServed) {
  EXPECT_NE(refusal_of({"GET", "/metric", ""}, loopback())->body.find("/ lists them"),
            std::string::npos);
  EXPECT_EQ(refusal_of({"PUT", "/metrics", ""}, loopback())->allow, "GET, HEAD");
}

TEST(Routes, ServeTheirOwnHostsOnly) {
  for (const char* host : {"", "localhost", "localhost:7680", "127.0.0.1:1", "[::1]", "[::1]:1"}) {
    EXPECT_EQ(status_of({"GET", "/", host}), 200) << host;
  }
  for (const char* host : {"evil.example", "evil.example:7680", "127.0.0.1.evil", "[::1].evil"}) {
    EXPECT_EQ(status_of({"GET", "/", host}), 403) << host;
  }
}

TEST(Routes, ServeAnyHostWhereListeningBeyondLoopbackWasAskedFor) {
  const Address everywhere = Address::parse("http://*:7680").value();
  EXPECT_EQ(status_of({"GET", "/", "relay.example:7680"}, everywhere), 200);
}

}  // namespace
}  // namespace xylem
