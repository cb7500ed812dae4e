#include "relay/cli/event_text.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace xylem::cli {
namespace {

Receiver::Event event(std::string_view body, std::string_view key = "task.sent") {
  return {Epoch{7}, Sequence{40}, key, body, 1'700'000'000'250'000, 1'700'000'000'300'000};
}

TEST(EventText, IsWhatCelerysDumperPrints) {
  constexpr std::string_view kBody =
      R"json({"type":"task-received","hostname":"celery@w","uuid":"u1","name":"proj.add",)json"
      R"json("args":"(1, 2)","kwargs":"{}","eta":null,"timestamp":1700000000.25,)json"
      R"json("n":{"a":[1.0,true]}})json";
  EventText text;
  EXPECT_EQ(text.line(event(kBody)),
            "celery@w [2023-11-14 22:13:20.250000] task received: proj.add(u1) args=(1, 2) "
            "kwargs={} eta=None, n={'a': [1.0, True]}");
}

TEST(EventText, ColoursWhatWentWrong) {
  EventText text(true);
  const std::string body =
      R"({"type":"task-failed","uuid":"u","hostname":"\u001b[2J","timestamp":1})";
  EXPECT_EQ(text.line(event(body)), "\\x1b[2J [1970-01-01 00:00:01] \x1b[35mtask failed\x1b[0m  ");
}

TEST(EventText, ForgetsTheTaskThatWasLongestUnheardOf) {
  EventText text;
  const auto said = [&](std::string_view type, int task) {
    return text.line(event(
        fmt::format(R"({{"type":"{}","uuid":"{}","name":"n","args":"","kwargs":"","timestamp":1}})",
                    type, task)));
  };
  for (int task = 0; task < 4095; ++task) static_cast<void>(said("task-received", task));
  EXPECT_NE(said("task-started", 0).find("n(0) args="), std::string::npos);
  static_cast<void>(said("task-received", 4095));
  EXPECT_NE(said("task-started", 0).find("n(0) args="), std::string::npos);
  EXPECT_EQ(said("task-started", 1).find("n(1) args="), std::string::npos);
}

TEST(EventText, MarksWhatIsReplayed) {
  Receiver::Event past = event(R"({"type":"task-sent"})");
  past.replayed = true;
  EventText text;
  EXPECT_EQ(text.line(past), "replayed " + text.line(event(R"({"type":"task-sent"})")));
  EXPECT_EQ(json_line(past, true),
            R"({"epoch":7,"sequence":40,"key":"task.sent","received_us":1700000000300000,)"
            R"("replayed":true,"event":{"type":"task-sent"}})");
  EXPECT_EQ(json_line(past, false), R"({"type":"task-sent"})");
}

TEST(EventText, IsHarmlessForATerminal) {
  EventText text;
  const std::string line = text.line(event("{\"type\":\"x\",\"a\":\"\\u001b[2J\\n\"}"));
  EXPECT_EQ(line.find('\x1b'), std::string::npos);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  EXPECT_NE(line.find("\\x1b[2J"), std::string::npos) << line;
}

TEST(EventText, ShowsWhatIsNoJsonAsItIs) {
  EventText text;
  EXPECT_EQ(text.line(event("nonsense")), "task.sent nonsense");
}

TEST(JsonLine, IsTheBodyOnOneLine) {
  EXPECT_EQ(json_line(event("{\n \"big\": 1180591620717411303424\r\n}"), false),
            "{  \"big\": 1180591620717411303424  }");
}

TEST(JsonLine, CarriesTheSequenceWhenAsked) {
  EXPECT_EQ(
      json_line(event("{}"), true),
      R"({"epoch":7,"sequence":40,"key":"task.sent","received_us":1700000000300000,"event":{}})");
}

TEST(GapLine, SaysWhatIsMissing) {
  const Gap gap{Epoch{7}, Sequence{91}, Sequence{140}, 12, GapReason::overflow};
  EXPECT_EQ(text_line(gap), "-> gap: 12 events missing, sequence 91 to 140 (overflow)");
  EXPECT_EQ(
      json_line(gap),
      R"({"type":"xylem-gap","epoch":7,"first":91,"last":140,"count":12,"reason":"overflow"})");
}

}  // namespace
}  // namespace xylem::cli
