#include "relay/client/event_fields.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "relay/base/limits.h"

namespace xylem {
namespace {

std::string json_of(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

TEST(EventFields, AreWrittenInTheOrderTheyAreAdded) {
  EventFields fields;
  fields.add("uuid", "u1").add("retries", 2).add("runtime", 0.25).add("ok", true).add_null("eta");
  EXPECT_EQ(fields.text(), R"("uuid":"u1","retries":2,"runtime":0.25,"ok":true,"eta":null)");
}

TEST(EventFields, KeepIntegersToTheirLimits) {
  EventFields fields;
  fields.add("least", std::numeric_limits<std::int64_t>::min());
  fields.add("most", std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(fields.text(), R"("least":-9223372036854775808,"most":18446744073709551615)");
}

TEST(EventFields, WriteNullForNumbersThatJsonDoesNotHave) {
  EventFields fields;
  fields.add("nan", std::nan("")).add("inf", std::numeric_limits<double>::infinity());
  EXPECT_EQ(fields.text(), R"("nan":null,"inf":null)");
}

TEST(EventFields, BeginAnewAfterClear) {
  EventFields fields;
  fields.add("a", 1);
  fields.clear();
  fields.add("b", 2);
  EXPECT_EQ(fields.text(), R"("b":2)");
}

TEST(JsonString, EscapesWhatJsonAsksFor) {
  EXPECT_EQ(json_of("a\"b\\c\n\x01"), R"("a\"b\\c\u000a\u0001")");
}

TEST(JsonString, LeavesWellFormedUtf8AsItIs) { EXPECT_EQ(json_of("ä€😀"), "\"ä€😀\""); }

TEST(JsonString, ReplacesWhatIsNotUtf8) {
  EXPECT_EQ(json_of("a\xff"), "\"a\xEF\xBF\xBD\"");
  EXPECT_EQ(json_of("\xC0\xAF"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\"") << "overlong";
  EXPECT_EQ(json_of("\xED\xA0\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"") << "a surrogate";
  EXPECT_EQ(json_of("\xE2\x82"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\"") << "cut short";
}

TEST(EventFields, KnowWhetherAValueIsNestedDeeperThanARelayTakes) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EventFields fields;
  fields.add_json("a", nested(kJsonDepthMax - 1)).add_json("b", R"(["\\\"[[[[", {"c": [1]}])");
  EXPECT_FALSE(fields.is_too_deep());
  fields.add("text", nested(400));
  EXPECT_FALSE(fields.is_too_deep()) << "a text is no list";
  fields.add_json("d", nested(kJsonDepthMax));
  EXPECT_TRUE(fields.is_too_deep());
  fields.clear();
  EXPECT_FALSE(fields.is_too_deep());
}

}  // namespace
}  // namespace xylem
