// Goal    what is recorded is read back byte for byte, and what is no line of a recording is named.
// Method  lines in a string; answers in one line: "task.sent@17 {...}", "gap 12", or why not.

#include "relay/cli/recording.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <sstream>

namespace xylem::cli {
namespace {

std::string read(const std::string& text) {
  std::istringstream in(text);
  RecordingReader reader(in);
  std::string told;
  for (;;) {
    const auto line = reader.next();
    if (!line) return told + line.error().message;
    if (*line == nullptr) return told;
    const Recorded& recorded = **line;
    told += recorded.is_gap
                ? fmt::format("gap {}; ", recorded.missing)
                : fmt::format("{}@{} {}; ", recorded.key, recorded.received_us, recorded.body);
  }
}
std::string with_event(const std::string& event) {
  return R"({"received_us":17,"event":)" + event + "}\n";
}

TEST(Recording, IsReadBackAsItWasWritten) {
  const std::string body = R"({ "type" : "task-sent", "n":1180591620717411303424, "s":"\",{" })";
  Receiver::Event event{{7}, {40}, "task.sent", body, 5, 17};
  std::string text = recorded_line(event) + "\n";
  text += recorded_line(Gap{{7}, {41}, {52}, 12, GapReason::overflow}) + "\n";
  event.replayed = true;
  text += recorded_line(event) + "\n";
  EXPECT_EQ(read(text), "task.sent@17 " + body + "; gap 12; task.sent@17 " + body + "; ");
}

TEST(Recording, IsOneObjectALine) {
  EXPECT_EQ(recorded_line(Receiver::Event{
                {7}, {40}, "task.sent", "{\"type\":\"task-sent\",\n\"a\":1}", 5, 17}),
            R"({"epoch":7,"sequence":40,"key":"task.sent","received_us":17,)"
            R"("event":{"type":"task-sent", "a":1}})");
  EXPECT_EQ(recorded_line(Gap{{7}, {41}, {52}, 12, GapReason::overflow}),
            R"({"gap":{"epoch":7,"first":41,"last":52,"count":12,"reason":"overflow"}})");
}

TEST(Recording, MayHaveBeenThroughOtherTools) {
  EXPECT_EQ(read("{ \"event\" : {\"type\":\"a\"} , \"x\": [1, {\"event\": \"]}\"}],\t"
                 "\"received_us\" : 17 }\r\n"),
            "a@17 {\"type\":\"a\"}; ");
  EXPECT_EQ(read(R"({"type":"xylem-gap","epoch":1,"first":2,"last":3,"count":2,"reason":"x"})"),
            "gap 2; ")
      << "as dump writes it, and without a line break at the end";
  EXPECT_EQ(read(""), "");
}

TEST(Recording, NamesTheLineThatIsWrong) {
  const std::string good = with_event(R"({"type":"a"})");
  const std::string told = R"(a@17 {"type":"a"}; )";
  EXPECT_EQ(read(good + "nonsense\n" + good), told + "line 2: it is not a JSON object");
  EXPECT_EQ(read(good + good.substr(0, good.size() - 3)), told + "line 2: it is not a JSON object");
  for (const char* text : {"\n", "[]\n", "{\n", "{}x\n", "{\"a\"}\n", "{\"a\":}\n", "{\"a\":1,}\n",
                           "{\"a\":1]\n", "{\"a\":[1}\n", "{\"a\":\"\n", "{a:1}\n"}) {
    EXPECT_EQ(read(text), "line 1: it is not a JSON object") << text;
  }
  for (const char* text : {"{}\n", "{\"received_us\":17}\n", "{\"event\":{\"type\":\"a\"}}\n",
                           "{\"received_us\":\"17\",\"event\":{\"type\":\"a\"}}\n"}) {
    EXPECT_EQ(read(text), "line 1: an event and its received_us are not in it") << text;
  }
}

TEST(Recording, HoldsNothingButWhatARelayWouldTake) {
  EXPECT_EQ(read(with_event("{}")), "line 1: its event is refused: missing_type");
  EXPECT_EQ(read(with_event("7")), "line 1: its event is refused: not_an_event");
  EXPECT_EQ(read(with_event("[{\"type\":\"a\"}]")), "line 1: its event is not an object");
  EXPECT_EQ(read(with_event("{\"type\":\"a\",}")), "line 1: its event is refused: malformed_json");
  EXPECT_EQ(read(with_event("{\"type\":\"a b\\n\"}")), "line 1: its event is refused: bad_key");
}

TEST(Recording, TakesLinesUpToALimit) {
  const auto padded = [](std::size_t bytes) {
    const std::string before = R"({"type":"a","pad":")";
    return before + std::string(bytes - before.size() - 2, 'x') + "\"}";
  };
  const std::string largest = padded(RecordingReader::kEventBytesMax);
  EXPECT_EQ(read(with_event(largest)), "a@17 " + largest + "; ");
  EXPECT_EQ(read(with_event(padded(RecordingReader::kEventBytesMax + 1))),
            "line 1: its event is refused: event_too_large");
  EXPECT_EQ(read(with_event("{}") + std::string(1 << 20, ' ')),
            "line 1: its event is refused: missing_type");
  EXPECT_EQ(read(std::string(1 << 20, ' ')), "line 1: it is longer than 528384 bytes");
}

}  // namespace
}  // namespace xylem::cli
