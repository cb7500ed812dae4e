#include "relay/codec/event_view.h"

#include <gtest/gtest.h>

#include "relay/event/batch.h"

namespace xylem {
namespace {

class Fields : public ::testing::Test {
 protected:
  bool open(std::string body) {
    const std::size_t bytes = body.size();
    text_ = std::move(body);
    text_.resize(bytes + Slab::kSlack);
    return fields_.open(std::string_view(text_).substr(0, bytes));
  }
  std::string text_;
  EventView fields_;
};

TEST_F(Fields, AreTheirJsonByteForByte) {
  ASSERT_TRUE(open(R"( { "type" :"task-sent", "clock": 12345678901234567890 ,"eta":null,
                      "loadavg": [0.5, {"a": "]"}], "unknown": {}, "runtime":1.50 } )"));
  EXPECT_EQ(fields_.json(EventField::type), R"("task-sent")");
  EXPECT_EQ(fields_.json(EventField::clock), "12345678901234567890");
  EXPECT_EQ(fields_.json(EventField::eta), "null");
  EXPECT_EQ(fields_.json(EventField::loadavg), R"([0.5, {"a": "]"}])");
  EXPECT_EQ(fields_.json(EventField::runtime), "1.50");
  EXPECT_FALSE(fields_.has(EventField::uuid));
  EXPECT_EQ(fields_.json(EventField::uuid), "");
}

TEST_F(Fields, CountAsTheLastAndUnderAnEscapedName) {
  ASSERT_TRUE(open(R"({"uuid": "a", "\u0075uid": "b"})"));
  EXPECT_EQ(fields_.json(EventField::uuid), R"("b")");
}

TEST_F(Fields, AreNoneOfWhatIsNoObject) {
  for (const char* wrong : {"", "[]", "5", "{", R"({"a")", R"({"a":)", R"({"a":1)", R"({"a":1,)",
                            R"({"a" 1})", R"({"a":[})", R"({"a":tru})", R"({1:1})"}) {
    EXPECT_FALSE(open(wrong)) << wrong;
    EXPECT_FALSE(fields_.has(EventField::type));
  }
  EXPECT_TRUE(open("{}"));
}

TEST_F(Fields, AreFoundByName) {
  for (std::size_t i = 0; i < kEventFieldCount; ++i) {
    const auto field = static_cast<EventField>(i);
    EXPECT_EQ(event_field(name_of(field)), field);
  }
  EXPECT_FALSE(event_field("uuie"));
  EXPECT_FALSE(event_field(""));
}

TEST(JsonText, LosesItsEscapesAndGetsThemBack) {
  std::string scratch;
  EXPECT_EQ(json_text(R"("plain")", scratch), "plain");
  EXPECT_EQ(json_text(R"("a\n\"\\\/\u00e9\ud83d\ude00")", scratch), "a\n\"\\/é😀");
  EXPECT_EQ(json_text(R"("\ud83d")", scratch), "\xEF\xBF\xBD");
  EXPECT_EQ(json_text("5", scratch), "");
  std::string json;
  append_json_text(json, "a\n\"\\\x01é");
  EXPECT_EQ(json, R"("a\n\"\\\u0001é")");
}

TEST(JsonNumber, IsOneOrNothing) {
  EXPECT_EQ(json_number("1.5e3"), 1500);
  EXPECT_EQ(json_number("-0"), 0);
  for (const char* wrong : {"", "null", "\"1\"", "1x", "1e999"}) EXPECT_FALSE(json_number(wrong));
}

}  // namespace
}  // namespace xylem
