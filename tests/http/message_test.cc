#include "relay/http/message.h"

#include <gtest/gtest.h>

namespace xylem {
namespace {

HttpRequest parsed(std::string_view header) {
  const auto request = parse_request(header);
  EXPECT_TRUE(request) << header << request.error().message;
  return request.value_or(HttpRequest{});
}

bool keeps_alive(const std::string& line_and_fields) {
  return parsed("GET / " + line_and_fields + "\r\n\r\n").keep_alive;
}

TEST(HttpMessage, EndsBehindItsEmptyLine) {
  const std::string_view header = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  const std::string two = std::string(header) + "GET";
  EXPECT_EQ(header_end(two, 0), header.size());
  for (std::size_t seen = 0; seen < header.size(); ++seen) {
    EXPECT_EQ(header_end(header.substr(0, seen), 0), std::nullopt);
    EXPECT_EQ(header_end(header, seen), header.size()) << "from " << seen;
  }
}

TEST(HttpMessage, EndsAlsoWhereLinesHaveNoCarriageReturn) {
  EXPECT_EQ(header_end("GET / HTTP/1.0\n\nx", 0), 16u);
  EXPECT_FALSE(parse_request("GET / HTTP/1.0\n\n"));
}

TEST(HttpMessage, SaysWhatIsAskedFor) {
  const HttpRequest request = parsed("HEAD /metrics?a=b HTTP/1.1\r\nhOST: relay:1\r\nX: y\r\n\r\n");
  EXPECT_EQ(request.method, "HEAD");
  EXPECT_EQ(request.target, "/metrics?a=b");
  EXPECT_EQ(request.host, "relay:1");
  EXPECT_FALSE(request.has_body);
  EXPECT_EQ(parsed("BREW / HTTP/1.1\r\n\r\n").method, "BREW");
}

TEST(HttpMessage, KeepsTheConnectionAsItsVersionHasIt) {
  EXPECT_TRUE(keeps_alive("HTTP/1.1"));
  EXPECT_FALSE(keeps_alive("HTTP/1.1\r\nConnection: close"));
  EXPECT_FALSE(keeps_alive("HTTP/1.0"));
  EXPECT_TRUE(keeps_alive("HTTP/1.0\r\nConnection: keep-alive"));
}

TEST(HttpMessage, SaysWhetherABodyFollows) {
  EXPECT_TRUE(parsed("GET / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n").has_body);
  EXPECT_TRUE(parsed("GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n").has_body);
  EXPECT_FALSE(parsed("GET / HTTP/1.1\r\nContent-Length: 0\r\n\r\n").has_body);
}

TEST(HttpMessage, IsRefusedWhenItIsNotHttp) {
  for (const char* header :
       {"\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/2.0\r\n\r\n", "GET / HTTP/1.1\r\nno colon\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "GET /a b HTTP/1.1\r\n\r\n"}) {
    const auto request = parse_request(header);
    ASSERT_FALSE(request) << header;
    EXPECT_EQ(request.error().code, ErrorCode::malformed);
  }
}

TEST(HttpMessage, MayBeOneUntilItsFirstByteSaysOtherwise) {
  EXPECT_TRUE(may_be_request(""));
  EXPECT_TRUE(may_be_request("G"));
  EXPECT_FALSE(may_be_request("\x16\x03\x01")) << "TLS";
  EXPECT_FALSE(may_be_request("\xff\0\0")) << "ZeroMQ";
}

TEST(HttpMessage, AnswersWithTheHeadersOfAPage) {
  EXPECT_EQ(header_of({200, "text/plain", "four"}, true),
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n"
            "X-Content-Type-Options: nosniff\r\nContent-Security-Policy: default-src 'none'\r\n"
            "Cache-Control: no-store\r\nConnection: keep-alive\r\n\r\n");
  const std::string refusal = header_of({405, "text/plain", "", "GET"}, false);
  EXPECT_TRUE(refusal.starts_with("HTTP/1.1 405 Method Not Allowed\r\n")) << refusal;
  EXPECT_TRUE(refusal.ends_with("Allow: GET\r\nConnection: close\r\n\r\n")) << refusal;
}

}  // namespace
}  // namespace xylem
