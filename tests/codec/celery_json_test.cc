// Goal    what Celery's dispatchers send is found event by event and passed on byte for byte.
// Method  each text is scanned and told in one line; see tests/doubles/scanned_json.h.

#include "relay/codec/celery_json.h"

#include <gtest/gtest.h>

#include "tests/doubles/scanned_json.h"

namespace xylem {
namespace {

using testing::ScannedJson;

class CeleryJsonTest : public ::testing::Test {
 protected:
  ScannedJson scan;
};

TEST_F(CeleryJsonTest, FindsASingleEvent) {
  EXPECT_EQ(scan(R"({"type": "task-sent", "uuid": "1"})"), "task-sent");
  EXPECT_EQ(scan.body(), R"({"type": "task-sent", "uuid": "1"})");
}

TEST_F(CeleryJsonTest, FindsTheEventsOfAListInOrder) {
  EXPECT_EQ(scan(R"([{"type":"task-sent"},{"type":"task-received","n":2}])"),
            "[task-sent task-received]");
  EXPECT_EQ(scan.body(0), R"({"type":"task-sent"})");
  EXPECT_EQ(scan.body(1), R"({"type":"task-received","n":2})");
}

// Celery up to 5.6.3 really sends one after a full buffer (celery/events/dispatcher.py).
TEST_F(CeleryJsonTest, TakesAnEmptyListForNothing) {
  EXPECT_EQ(scan("[]"), "[]");
  EXPECT_EQ(scan(" [ ] "), "[]");
}

TEST_F(CeleryJsonTest, TakesAListOfOne) { EXPECT_EQ(scan(R"([{"type":"a"}])"), "[a]"); }

TEST_F(CeleryJsonTest, LeavesSpacesAroundAnEventOutOfItsBody) {
  EXPECT_EQ(scan(" \n{ \"type\" : \"a\" }\t\r\n"), "a");
  EXPECT_EQ(scan.body(), "{ \"type\" : \"a\" }");
  EXPECT_EQ(scan("[ {\"type\":\"a\"} ,\n\n {\"type\":\"b\"}\t]\n"), "[a b]");
  EXPECT_EQ(scan.body(0), "{\"type\":\"a\"}");
  EXPECT_EQ(scan.body(1), "{\"type\":\"b\"}");
}

TEST_F(CeleryJsonTest, KeepsUnknownFieldsAndLargeIntegersByteForByte) {
  const std::string event =
      R"({"x":1180591620717411303424,"type":"custom","y":[1.50,-0,1E+2,{"z":null}],"\u00e9":"\/"})";
  EXPECT_EQ(scan(event), "custom");
  EXPECT_EQ(scan.body(), event);
}

TEST_F(CeleryJsonTest, ReadsTheTimestampInMicroseconds) {
  const auto timestamp_of = [&](const std::string& value) {
    scan(R"({"type":"a","timestamp":)" + value + "}");
    return scan.event().timestamp_us;
  };
  EXPECT_EQ(timestamp_of("1700000000.1234567"), 1'700'000'000'123'457);
  EXPECT_EQ(timestamp_of("1700000000"), 1'700'000'000'000'000);
  EXPECT_EQ(timestamp_of("1.7e9 "), 1'700'000'000'000'000);
  EXPECT_EQ(timestamp_of("-1.5"), -1'500'000);
}

TEST_F(CeleryJsonTest, TakesATimestampThatIsNoTimeForNone) {
  for (const char* value :
       {"null", "\"1700000000\"", "true", "[1]", "{}", "1e400", "1e30", "1180591620717411303424"}) {
    EXPECT_EQ(scan(std::string(R"({"type":"a","timestamp":)") + value + "}"), "a") << value;
    EXPECT_EQ(scan.event().timestamp_us, 0) << value;
  }
}

TEST_F(CeleryJsonTest, ReadsTheTypeWhereverAndHoweverItIsWritten) {
  EXPECT_EQ(scan(R"({"a":{"type":"inner"},"type":"outer"})"), "outer");
  EXPECT_EQ(scan(R"({"\u0074ype":"escaped-key"})"), "escaped-key");
  EXPECT_EQ(scan(R"({"type":"task\u002dsent"})"), "task-sent");
  EXPECT_EQ(scan(R"({"type" : "a" , "Type":"b"})"), "a");
}

TEST_F(CeleryJsonTest, RefusesAnEventWithoutAType) {
  for (const char* event :
       {R"({})", R"({"a":1})", R"({"type":null})", R"({"type":7})", R"({"type":{"type":"a"}})",
        R"({"type":["a"]})", R"({"type":""})", R"({"Type":"a"})", R"({"a":{"type":"a"}})"}) {
    EXPECT_EQ(scan(event), "!missing_type") << event;
  }
}

TEST_F(CeleryJsonTest, RefusesAnEventWithTwoTypes) {
  EXPECT_EQ(scan(R"({"type":"a","type":"a"})"), "!duplicate_type");
  EXPECT_EQ(scan(R"({"type":"a","\u0074ype":"b"})"), "!duplicate_type");
  EXPECT_EQ(scan(R"({"type":"a","type":1})"), "!duplicate_type");
  EXPECT_EQ(scan(R"({"type":1,"type":"a"})"), "!duplicate_type");
}

TEST_F(CeleryJsonTest, RefusesWithinAListOnlyWhatIsWrong) {
  EXPECT_EQ(scan(R"([{"type":"a"},{},{"type":"b"},{"type":"c","type":"d"},{"type":"e"}])"),
            "[a !missing_type b !duplicate_type e]");
}

TEST_F(CeleryJsonTest, RefusesWhatIsNotAnObjectWithinAListAlone) {
  EXPECT_EQ(scan(R"([1,{"type":"a"},"x",null,[],[{"type":"b"}],true,{"type":"c"}])"),
            "[!not_an_event a !not_an_event !not_an_event !not_an_event !not_an_event"
            " !not_an_event c]");
}

// Whoever keeps the list's text must be able to take out of it what was refused.
TEST_F(CeleryJsonTest, SaysWhereARefusedElementLies) {
  scan(R"([ "sec}ret" , [1, 2 ] ,{"type":1} ,-1.5 ])");
  EXPECT_EQ(scan.body(0), R"("sec}ret")");
  EXPECT_EQ(scan.body(1), R"([1, 2 ])");
  EXPECT_EQ(scan.body(2), R"({"type":1})");
  EXPECT_EQ(scan.body(3), R"(-1.5)");
}

TEST_F(CeleryJsonTest, RefusesATextThatIsNeitherObjectNorList) {
  for (const char* text : {"1", "\"type\"", "null", "true", " false "}) {
    EXPECT_EQ(scan(text), "refused not_an_event") << text;
  }
}

TEST_F(CeleryJsonTest, ForgetsTheLastTextAtTheNext) {
  EXPECT_EQ(scan(R"([{"type":"a"},{"type":"b"}])"), "[a b]");
  EXPECT_EQ(scan("}"), "refused malformed_json");
  EXPECT_EQ(scan(R"({"type":"c"})"), "c");
}

TEST_F(CeleryJsonTest, KeepsTheTypesOfAWholeListValidUntilTheNext) {
  std::string list = "[";
  std::string told = "[";
  for (int i = 0; i < 500; ++i) {
    const std::string type = "custom-" + std::to_string(i);
    list += (i ? ",{\"type\":\"" : "{\"type\":\"") + type + "\",\"filler\\n\":\"some\\u0020text\"}";
    told += (i ? " " : "") + type;
  }
  EXPECT_EQ(scan(list + "]"), told + "]");
}

TEST_F(CeleryJsonTest, RefusesAListOfMoreEventsThanItsLimit) {
  const auto list_of = [](std::size_t events) {
    std::string list = "[";
    for (std::size_t i = 0; i < events; ++i)
      list += i == 0 ? R"({"type":"a"})" : R"(,{"type":"a"})";
    return list + "]";
  };
  scan.read(list_of(kEventsPerListMax));
  ASSERT_TRUE(scan.accepted());
  EXPECT_EQ(scan.scan().events.size(), kEventsPerListMax);
  EXPECT_EQ(scan(list_of(kEventsPerListMax + 1)), "refused too_many_events");
}

TEST(CeleryJson, RefusesAnEventAboveTheByteLimitAlone) {
  const std::string small = R"({"type":"a"})";
  const std::string large = R"({"type":"a","x":"yyyyyyyyyyyyyyyyyyyy"})";
  ScannedJson scan({.message_bytes_max = 4096, .event_bytes_max = small.size()});
  EXPECT_EQ(scan(small), "a");
  EXPECT_EQ(scan(large), "!event_too_large");
  EXPECT_EQ(scan("[" + large + "," + small + "]"), "[!event_too_large a]");
}

}  // namespace
}  // namespace xylem
