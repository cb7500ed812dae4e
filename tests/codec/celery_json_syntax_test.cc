// Goal    a text is taken if and only if RFC 8259 says it is JSON, with our limits; on-demand
// parsing
//         checks only what it is asked for, so every place of a text is tried here.
// Method  one wrong thing at a time, at the places where a value can stand.

#include <gtest/gtest.h>

#include "relay/base/limits.h"
#include "relay/codec/celery_json.h"
#include "tests/doubles/chance.h"
#include "tests/doubles/scanned_json.h"

namespace xylem {
namespace {

using testing::ScannedJson;

// Where a value can stand that the relay itself does not read.
std::vector<std::string> with_value(const std::string& value) {
  return {R"({"type":"a","x":)" + value + "}",       R"({"x":)" + value + R"(,"type":"a"})",
          R"({"type":"a","x":[)" + value + "]}",     R"({"type":"a","x":[1,)" + value + " ,2]}",
          R"({"type":"a","x":{"y":)" + value + "}}", R"({"type":"a","timestamp":)" + value + "}",
          R"([{"type":"a"},)" + value + "]",         R"([{"type":"a","x":)" + value + "}]"};
}

TEST(CeleryJsonSyntax, TakesEveryValueOfRfc8259) {
  ScannedJson scan;
  for (const char* value : {"0",
                            "-0",
                            "1",
                            "-1",
                            "10",
                            "0.5",
                            "1e5",
                            "1E+5",
                            "1e-5",
                            "-12.34e56",
                            "true",
                            "false",
                            "null",
                            "\"\"",
                            "\"x\"",
                            R"("\"\\\/\b\f\n\r\t")",
                            R"("\u0000\uABcd")",
                            "[]",
                            "{}",
                            "[[],{}]",
                            R"({"":{}})",
                            "123456789012345678901234567890",
                            "1e99999",
                            "\"\x7f\"",
                            "\"\xf0\x9f\x98\x80\""}) {
    for (const std::string& text : with_value(value)) {
      scan.read(text);
      EXPECT_TRUE(scan.accepted()) << text;
    }
  }
}

constexpr const char* kNoValues[] = {"NaN",
                                     "nan",
                                     "Infinity",
                                     "-Infinity",
                                     "-",
                                     "+1",
                                     "01",
                                     "-01",
                                     "1.",
                                     ".5",
                                     "1.e5",
                                     "1e",
                                     "1e+",
                                     "0x10",
                                     "1_0",
                                     "1 2",
                                     "--1",
                                     "1-",
                                     "tru",
                                     "truex",
                                     "True",
                                     "nul",
                                     "nulll",
                                     "falsey",
                                     "None",
                                     "undefined",
                                     "'x'",
                                     "x",
                                     "\"",
                                     "\"x",
                                     "\"x\"\"y\"",
                                     "\"x\"y",
                                     R"("\x")",
                                     R"("\u12")",
                                     R"("\u12G4")",
                                     R"("\u 123")",
                                     R"("\")",
                                     "\"\n\"",
                                     "\"\t\"",
                                     "[",
                                     "]",
                                     "{",
                                     "}",
                                     "[1,]",
                                     "[,1]",
                                     "[1 2]",
                                     "[1,,2]",
                                     "{,}",
                                     R"({"a"})",
                                     R"({"a":})",
                                     R"({"a":1,})",
                                     R"({"a" 1})",
                                     R"({a:1})",
                                     R"({1:1})",
                                     R"({"a":1 "b":2})",
                                     R"({"a":1,,"b":2})",
                                     R"({"a"::1})",
                                     "[1}",
                                     R"({"a":1])",
                                     R"("a":1)",
                                     ",",
                                     ":",
                                     "//x\n1",
                                     "/**/1",
                                     R"({"\x":1})",
                                     R"({"\u12":1})"};

TEST(CeleryJsonSyntax, RefusesEveryValueThatIsNot) {
  ScannedJson scan;
  for (const char* value : kNoValues) {
    for (const std::string& text : with_value(value)) {
      EXPECT_EQ(scan(text), "refused malformed_json") << text;
    }
  }
}

TEST(CeleryJsonSyntax, RefusesControlCharactersInStrings) {
  ScannedJson scan;
  for (char c = 0; c < 0x20; ++c) {
    const std::string inside{'"', 'a', c, 'b', '"'};
    const std::string escaped{'"', '\\', c, '"'};
    EXPECT_EQ(scan(R"({"type":"a","x":)" + inside + "}"), "refused malformed_json") << int{c};
    EXPECT_EQ(scan(R"({"type":"a","x":)" + escaped + "}"), "refused malformed_json") << int{c};
    EXPECT_EQ(scan(R"({"type":"a",)" + inside + ":1}"), "refused malformed_json") << int{c};
    EXPECT_EQ(scan(R"({"type":)" + inside + "}"), "refused malformed_json") << int{c};
  }
}

TEST(CeleryJsonSyntax, RefusesWhateverFollowsTheText) {
  ScannedJson scan;
  for (const char* more : {"x", "}", "]", ",", "{}", "[]", "1", "\"\"", "null", " {\"type\":\"b\"}",
                           "\n{\"type\":\"b\"}", ":"}) {
    EXPECT_EQ(scan(std::string(R"({"type":"a"})") + more), "refused malformed_json") << more;
    EXPECT_EQ(scan(std::string(R"([{"type":"a"}])") + more), "refused malformed_json") << more;
    EXPECT_EQ(scan(std::string("[]") + more), "refused malformed_json") << more;
  }
  EXPECT_EQ(scan(std::string(R"({"type":"a"})") + '\0'), "refused malformed_json");
}

TEST(CeleryJsonSyntax, RefusesAnEmptyText) {
  ScannedJson scan;
  EXPECT_EQ(scan(""), "refused malformed_json");
  EXPECT_EQ(scan(" \n\t"), "refused malformed_json");
}

TEST(CeleryJsonSyntax, RefusesEveryPrefixOfAnEvent) {
  ScannedJson scan;
  const std::string event = R"( {"type":"task-sent","a":[1,-2.5e3,{"b":"\u00e9\n"}],"t":true} )";
  const std::string list = " [" + event + ",1," + event + "] ";
  ASSERT_EQ(scan(list), "[task-sent !not_an_event task-sent]");
  for (const std::string& text : {event, list}) {
    // The last byte is a space: without it the text is still whole.
    for (std::size_t length = 0; length + 1 < text.size(); ++length) {
      scan.read(text.substr(0, length));
      EXPECT_FALSE(scan.accepted()) << text.substr(0, length);
    }
  }
}

std::string nested(std::size_t lists, const std::string& innermost) {
  return std::string(lists, '[') + innermost + std::string(lists, ']');
}

// The event itself is one level of kJsonDepthMax, the list around it another.
TEST(CeleryJsonSyntax, RefusesWhatIsDeeperThanItsLimit) {
  ScannedJson scan;
  for (const std::string innermost : {"", "1", "\"x\""}) {
    const auto event = [&](std::size_t lists) {
      return R"({"type":"a","x":)" + nested(lists, innermost) + "}";
    };
    EXPECT_EQ(scan(event(kJsonDepthMax - 1)), "a") << innermost;
    EXPECT_EQ(scan(event(kJsonDepthMax)), "refused too_deep") << innermost;
    EXPECT_EQ(scan("[" + event(kJsonDepthMax - 2) + "]"), "[a]") << innermost;
    EXPECT_EQ(scan("[" + event(kJsonDepthMax - 1) + "]"), "refused too_deep") << innermost;
  }
}

TEST(CeleryJsonSyntax, CountsTheDepthOfStrangersInAListAlike) {
  ScannedJson scan;
  EXPECT_EQ(scan(nested(kJsonDepthMax, "1")), "[!not_an_event]");
  EXPECT_EQ(scan(nested(kJsonDepthMax + 1, "1")), "refused too_deep");
  EXPECT_EQ(scan(nested(kJsonDepthMax, "")), "[!not_an_event]");
  EXPECT_EQ(scan(nested(kJsonDepthMax + 1, "")), "refused too_deep");
}

// A stack overflow in the parser would be worse than any answer.
TEST(CeleryJsonSyntax, SurvivesAHundredThousandBrackets) {
  ScannedJson scan;
  for (const char* open : {"[", "{\"type\":", "[{\"type\":"}) {
    std::string text;
    for (int i = 0; i < 100'000; ++i) text += open;
    scan.read(text);
    EXPECT_FALSE(scan.accepted());
    scan.read(nested(100'000, ""));
    EXPECT_FALSE(scan.accepted());
  }
}

TEST(CeleryJsonSyntax, RefusesInvalidUtf8WhereverItStands) {
  ScannedJson scan;
  for (const char* bytes : {"\x80", "\xc3", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80",
                            "\xf0\x80\x80\xaf", "\xf4\x90\x80\x80", "\xff", "\xe2\x82"}) {
    const std::string quoted = std::string("\"") + bytes + "\"";
    EXPECT_EQ(scan(R"({"type":"a","x":)" + quoted + "}"), "refused invalid_utf8");
    EXPECT_EQ(scan(R"({"type":"a",)" + quoted + ":1}"), "refused invalid_utf8");
    EXPECT_EQ(scan(R"({"type":)" + quoted + "}"), "refused invalid_utf8");
    EXPECT_EQ(scan(R"([{"type":"a"},)" + quoted + "]"), "refused invalid_utf8");
  }
}

// RFC 8259 §8.2: the grammar allows them, and Python's json writes them.
TEST(CeleryJsonSyntax, TakesLoneSurrogatesAsTheyAre) {
  ScannedJson scan;
  for (const char* text : {R"("\ud83d")", R"("\udc00")", R"("\ud83d\ud83d")", R"("\ud83dx")",
                           R"("\ud83d\n")", R"("\ud83d\u0041")"}) {
    const std::string value = std::string(R"({"type":"a","x":)") + text + "}";
    EXPECT_EQ(scan(value), "a") << value;
    EXPECT_EQ(scan.body(), value);
    const std::string key = std::string(R"({"type":"a",)") + text + ":1}";
    EXPECT_EQ(scan(key), "a") << key;
    const std::string inner = std::string(R"({"type":"a","x":{)") + text + ":1}}";
    EXPECT_EQ(scan(inner), "a") << inner;
  }
}

// A type that is no text has no routing key.
TEST(CeleryJsonSyntax, RefusesLoneSurrogatesInTheType) {
  ScannedJson scan;
  EXPECT_EQ(scan(R"([{"type":"\ud83d"},{"type":"a"}])"), "[!missing_type a]");
  EXPECT_EQ(scan(R"({"type":"\ud83d\x"})"), "refused malformed_json");
}

// Bytes flipped at random: whatever the answer, what is said to be an event must be one by itself.
TEST(CeleryJsonSyntax, FindsOnlyEventsThatAreEventsByThemselves) {
  const std::string list =
      R"([ {"type":"task-sent","a":[1,{"b":"\u00e9"}]} , {"type":"b","c":-1.5} ])";
  for (const std::uint64_t seed : testing::seeds(20)) {
    SCOPED_TRACE(testing::named(seed));
    testing::Chance chance(seed);
    ScannedJson scan;
    ScannedJson alone;
    int taken = 0;
    for (int round = 0; round < 500; ++round) {
      std::string text = list;
      for (std::size_t flips = chance.between(1, 3); flips > 0; --flips) {
        text[chance.below(text.size())] = "{}[]\",:\\ 0e-tx"[chance.below(14)];
      }
      scan.read(text);
      if (!scan.accepted()) continue;
      for (std::size_t i = 0; i < scan.scan().events.size(); ++i) {
        if (!scan.event(i).accepted) continue;
        ++taken;
        ASSERT_EQ(alone(scan.body(i)), std::string(scan.event(i).type)) << text;
      }
    }
    EXPECT_GT(taken, 0) << "the premise of this run: some texts were still events";
  }
}

}  // namespace
}  // namespace xylem
