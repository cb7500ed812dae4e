#include "relay/amqp/msgpack.h"

#include <gtest/gtest.h>

namespace xylem {
namespace {

using namespace std::string_literals;

// Bytes as Python's msgpack 1.0 writes them.
TEST(Msgpack, BecomesTheSameJson) {
  const std::string event =
      "\x84\xa4type\xa9task-sent\xa4uuid\xa1\x61\xa5"
      "clock\xce\x00\x01\x00\x00\xa9timestamp\xcb\x41\xda\xc1\x99\x1c\x0c\x34\x98"s;
  EXPECT_EQ(json_of_msgpack(event).value(),
            R"({"type":"task-sent","uuid":"a","clock":65536,"timestamp":1795581040.19071})");
  EXPECT_EQ(json_of_msgpack("\x93\xc0\xc3\x90"s).value(), "[null,true,[]]");
}

TEST(Msgpack, RefusesWhatIsNone) {
  EXPECT_FALSE(json_of_msgpack(""));
  EXPECT_FALSE(json_of_msgpack("\x81\xa1"s)) << "cut off";
  EXPECT_FALSE(json_of_msgpack("\xc0\xc0"s)) << "bytes behind it";
  EXPECT_FALSE(json_of_msgpack("\x81\x01\x02"s)) << "a key that is no text";
  EXPECT_FALSE(json_of_msgpack("\xc4\x01x"s)) << "bytes are no text";
  EXPECT_FALSE(json_of_msgpack("\xa1\xff"s)) << "no UTF-8";
}

TEST(Msgpack, RefusesWhatNestsDeep) {
  EXPECT_TRUE(json_of_msgpack(std::string(32, '\x91') + "\xc0"));
  EXPECT_FALSE(json_of_msgpack(std::string(33, '\x91') + "\xc0"));
  EXPECT_FALSE(json_of_msgpack(std::string(1'000'000, '\x91')));
}

TEST(Msgpack, RefusesALengthThatItHasNot) {
  EXPECT_FALSE(json_of_msgpack("\xdd\xff\xff\xff\xff"s));
  EXPECT_FALSE(
      json_of_msgpack("\xdb\xff\xff\xff\xff"
                      "a"s));
}

}  // namespace
}  // namespace xylem
