#include "relay/codec/event_hostname.h"

#include <gtest/gtest.h>

#include <cstring>

#include "relay/event/batch.h"

namespace xylem {
namespace {

class EventHostnameTest : public ::testing::Test {
 protected:
  std::string of(std::string_view body) {
    slab = Slab(body.size());
    std::memcpy(slab.begin(), body.data(), body.size());
    return std::string(hostname.of({reinterpret_cast<const char*>(slab.begin()), body.size()}));
  }
  EventHostname hostname;
  Slab slab;
};

TEST_F(EventHostnameTest, IsFoundWhereverItStands) {
  EXPECT_EQ(of(R"({"hostname": "celery@w1", "type": "task-sent"})"), "celery@w1");
  EXPECT_EQ(of(R"({"type":"task-sent","args":"{\"hostname\": \"no\"}","hostname":"w2"})"), "w2");
  EXPECT_EQ(
      of(R"({"inner": {"hostname": "no"}, "list": [1, {"hostname": "no"}], "hostname": "w3"})"),
      "w3");
}

TEST_F(EventHostnameTest, IsReadWithItsEscapes) {
  EXPECT_EQ(of(R"({"hostname": "w\u0031\"x"})"), "w1\"x");
}

TEST_F(EventHostnameTest, IsEmptyWhereThereIsNone) {
  EXPECT_EQ(of(R"({"type": "x"})"), "");
  EXPECT_EQ(of(R"({"hostname": 3})"), "");
  EXPECT_EQ(of(R"({"hostname": null})"), "");
  EXPECT_EQ(of(R"([1])"), "");
  EXPECT_EQ(of(R"({)"), "");
  EXPECT_EQ(of(""), "");
}

TEST_F(EventHostnameTest, IsFoundAgainAndAgain) {
  for (int n = 0; n < 100; ++n) {
    const std::string name = "w" + std::to_string(n);
    EXPECT_EQ(of("{\"big\": 1180591620717411303424, \"hostname\": \"" + name + "\"}"), name);
  }
}

}  // namespace
}  // namespace xylem
