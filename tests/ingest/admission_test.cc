// Goal    what a source sends becomes batches of events under their own keys; what is refused is
//         counted, told, and does not travel.
// Method  messages in, one line of events out: "task.sent={...} ", and what was refused beside it.

#include "relay/ingest/admission.h"

#include <gtest/gtest.h>

#include <optional>

#include "relay/codec/batch_codec.h"
#include "tests/doubles/batches.h"

namespace xylem {
namespace {

using testing::batch_of;
using testing::Said;

std::string event(std::string_view type) { return R"({"type":")" + std::string(type) + "\"}"; }

class AdmissionTest : public ::testing::Test, public Admission::Refused, public Admission::Outlet {
 protected:
  void make(const Admission::Options& options) { admission.emplace(options, *this, *this); }
  void SetUp() override { make({}); }

  void json(std::string_view key, std::string_view body) { admission->admit_json(key, body); }
  void frame(const std::vector<Said>& events) { admission->admit_batch(batch_of(events)->frame()); }
  // The events of the batches so far, a batch a line.
  std::string admitted() {
    admission->flush();
    std::string told;
    for (const auto& batch : batches) {
      if (!told.empty()) told += "\n";
      told += testing::said(*batch);
    }
    return told;
  }
  std::uint64_t counted(Refusal why) {
    return admission->figures().refused[static_cast<std::size_t>(why)];
  }

  void on_refused(Refusal why, std::string_view key, std::size_t bytes) override {
    refused.append(name_of(why)).append(" ").append(key).append(" ");
    expected = admission->expected(why, bytes);
    refused_bytes = bytes;
  }
  void on_batch(std::unique_ptr<Batch> batch) override { batches.push_back(std::move(batch)); }

  std::optional<Admission> admission;
  std::vector<std::unique_ptr<Batch>> batches;
  std::string refused;
  std::string expected;
  std::size_t refused_bytes = 0;
};

TEST_F(AdmissionTest, PutsASingleEventUnderTheKeyOfItsType) {
  json("task.sent", event("task-sent"));
  json("", event("worker-heartbeat"));
  EXPECT_EQ(admitted(),
            "task.sent={\"type\":\"task-sent\"} "
            "worker.heartbeat={\"type\":\"worker-heartbeat\"} ");
  EXPECT_EQ(admission->figures().accepted_events, 2u);
  EXPECT_EQ(refused, "");
}

TEST_F(AdmissionTest, RefusesAKeyThatIsNotThatOfTheType) {
  json("task.failed", event("task-sent"));
  json("task-sent", event("task-sent"));
  EXPECT_EQ(refused, "key_mismatch task.failed key_mismatch task-sent ");
  EXPECT_EQ(counted(Refusal::key_mismatch), 2u);
  EXPECT_EQ(admitted(), "");
}

TEST_F(AdmissionTest, SaysWhichKeyTheTypeMakes) {
  json("task-sent", event("task-sent"));
  EXPECT_EQ(expected, "'task.sent', the key that the event's type makes, or none");
}

TEST_F(AdmissionTest, SaysThatJsonTakesTwoFrames) {
  const std::string frame = event("task-sent");
  admission->admit_batch(std::as_bytes(std::span(frame)));
  EXPECT_EQ(refused, "wrong_identifier  ");
  EXPECT_EQ(expected, "two frames, [routing key][JSON], or one that is a batch");
}

TEST_F(AdmissionTest, SaysForEveryRefusalWhatWouldHaveBeenTaken) {
  for (std::size_t i = 0; i < kRefusalCount; ++i) {
    EXPECT_NE(admission->expected(static_cast<Refusal>(i), 1), "") << i;
  }
}

TEST_F(AdmissionTest, RefusesATypeThatMakesNoKey) {
  json("", R"({"type":"a\nb"})");
  json("", event(std::string(246, 'a')));
  EXPECT_EQ(counted(Refusal::bad_key), 2u);
  EXPECT_EQ(admitted(), "");
}

TEST_F(AdmissionTest, SplitsAListAndPutsEachEventUnderItsOwnKey) {
  json("task.multi", "[" + event("task-sent") + ", " + event("task-failed") + "]");
  EXPECT_EQ(admitted(),
            "task.sent={\"type\":\"task-sent\"} task.failed={\"type\":\"task-failed\"} ");
}

TEST_F(AdmissionTest, TakesAnEmptyListForNothing) {
  json("task.multi", "[]");
  EXPECT_EQ(admitted(), "");
  EXPECT_EQ(refused, "");
}

TEST_F(AdmissionTest, LeavesOutOfAListWhatItRefuses) {
  json("task.multi", R"([{"type":"a"},{"secret":1},"secret",[ "secret" ],{"type":"b"}])");
  EXPECT_EQ(admitted(), "a={\"type\":\"a\"} b={\"type\":\"b\"} ");
  EXPECT_EQ(batches[0]->bodies().find("secret"), std::string_view::npos) << batches[0]->bodies();
  EXPECT_EQ(refused, "missing_type task.multi not_an_event task.multi not_an_event task.multi ");
  EXPECT_EQ(admission->figures().accepted_events, 2u);
}

TEST_F(AdmissionTest, KeepsNothingOfAListWhoseEveryEventIsRefused) {
  json("task.multi", R"([{},{}])");
  EXPECT_EQ(counted(Refusal::missing_type), 2u);
  json("", event("a"));
  EXPECT_EQ(admitted(), "a={\"type\":\"a\"} ");
  EXPECT_EQ(batches[0]->bodies(), event("a"));
}

TEST_F(AdmissionTest, KeepsNoKeyOfAListThatIsRefusedAsAWhole) {
  const std::string known = R"({"type":"a","n":1},{"type":"b","n":1})";
  json("", "[" + known + "]");
  admission->flush();
  batches.clear();
  json("", "[" + known + "x");
  json("", event("c"));
  EXPECT_EQ(admitted(), "c={\"type\":\"c\"} ");
  EXPECT_EQ(batches[0]->keys().size(), 1u);
}

TEST_F(AdmissionTest, RefusesATextAsAWhole) {
  json("a", "{");
  json("b", "\xff");
  json("c", "7");
  EXPECT_EQ(refused, "malformed_json a invalid_utf8 b not_an_event c ");
  EXPECT_EQ(refused_bytes, 1u);
  EXPECT_EQ(admitted(), "");
}

TEST_F(AdmissionTest, RefusesAMessageAboveItsLimit) {
  make({.limits = {.message_bytes_max = event("a").size(), .event_bytes_max = 4096}});
  json("", event("a"));
  json("", event("ab"));
  EXPECT_EQ(refused, "message_too_large  ");
  EXPECT_EQ(admitted(), "a={\"type\":\"a\"} ");
}

TEST_F(AdmissionTest, RefusesAnEventAboveItsLimitAlone) {
  make({.limits = {.message_bytes_max = 4096, .event_bytes_max = event("a").size()}});
  json("", "[" + event("ab") + "," + event("a") + "]");
  EXPECT_EQ(refused, "event_too_large  ");
  EXPECT_EQ(admitted(), "a={\"type\":\"a\"} ");
}

TEST_F(AdmissionTest, RefusesAloneWhatABatchHasOfBadKeysAndLargeEvents) {
  make({.limits = {.message_bytes_max = 4096, .event_bytes_max = event("ab").size()}});
  const std::string bodies = event("a") + event("abcdef") + event("ab") + event("ab");
  const auto at = [&](std::uint32_t offset, const char* type, std::uint32_t position,
                      std::uint16_t key) {
    return EventEntry{0, offset, static_cast<std::uint32_t>(event(type).size()), position, key, 0};
  };
  const auto size = [&](const char* type) {
    return static_cast<std::uint32_t>(event(type).size());
  };
  const std::vector<std::string_view> keys{"a", "abcdef", "a\nb", "ab"};
  const std::vector<EventEntry> entries{at(0, "a", 0, 0), at(size("a"), "abcdef", 1, 1),
                                        at(size("a") + size("abcdef"), "ab", 2, 2),
                                        at(size("a") + size("abcdef") + size("ab"), "ab", 3, 3)};
  admission->admit_batch(write_batch({keys, entries, bodies})->frame());
  EXPECT_EQ(refused, "event_too_large abcdef bad_key a\nb ");
  EXPECT_EQ(admitted(), "a={\"type\":\"a\"} ab={\"type\":\"ab\"} ");
}

TEST_F(AdmissionTest, GathersMessagesIntoBatchesUpToTheirSize) {
  make({.limits = {}, .batch_bytes_full = 3 * event("a").size()});
  for (int i = 0; i < 7; ++i) json("", event("a"));
  EXPECT_EQ(batches.size(), 2u);
  admitted();
  ASSERT_EQ(batches.size(), 3u);
  EXPECT_EQ(batches[0]->size(), 3u);
  EXPECT_EQ(batches[2]->size(), 1u);
}

TEST_F(AdmissionTest, HandsAGoodFrameOnAsItIs) {
  const auto sent = batch_of({{"a", event("a"), 5}, {"task.sent", event("task-sent"), 6}});
  admission->admit_batch(sent->frame());
  ASSERT_EQ(batches.size(), 1u);
  EXPECT_EQ(batches[0]->frame().size(), sent->frame().size());
  EXPECT_EQ(testing::said(*batches[0]), testing::said(*sent));
  EXPECT_EQ(admission->figures().accepted_events, 2u);
}

TEST_F(AdmissionTest, KeepsTheOrderOfFramesAndTexts) {
  json("", event("a"));
  frame({{"b", event("b")}});
  json("", event("c"));
  EXPECT_EQ(admitted(), "a={\"type\":\"a\"} \nb={\"type\":\"b\"} \nc={\"type\":\"c\"} ");
}

TEST_F(AdmissionTest, LosesOfAFrameOnlyTheEventThatIsBad) {
  frame({{"a", event("a"), 5},
         {"b", "{"},
         {"c", event("d")},
         {"e", "[" + event("e") + "]"},
         {"f", event("f"), 6}});
  EXPECT_EQ(admitted(), "a={\"type\":\"a\"} f={\"type\":\"f\"} ");
  EXPECT_EQ(refused, "malformed_json b key_mismatch c not_an_event e ");
  EXPECT_EQ(batches[0]->entries()[1].timestamp_us, 6);
  EXPECT_EQ(batches[0]->entries()[1].position, 1u);
}

TEST_F(AdmissionTest, RefusesAFrameThatIsNone) {
  const std::string text = event("a");
  admission->admit_batch(std::as_bytes(std::span(text)));
  EXPECT_EQ(refused, "wrong_identifier  ");
  const auto whole = batch_of({{"a", event("a")}});
  admission->admit_batch(whole->frame().first(40));
  EXPECT_EQ(counted(Refusal::malformed_batch), 1u);
}

TEST_F(AdmissionTest, TakesAFrameWithoutEventsForNothing) {
  admission->admit_batch(write_batch({{}, {}, ""})->frame());
  EXPECT_EQ(admitted(), "");
  EXPECT_EQ(refused, "");
}

TEST_F(AdmissionTest, NeverMixesReplayedEventsWithLiveOnes) {
  const auto told = [this] {
    std::string all;
    for (const auto& batch : batches) {
      all += (batch->is_replayed() ? "replayed " : "live ") + testing::said(*batch) + "\n";
    }
    batches.clear();
    return all;
  };
  json("", event("a"));
  admission->admit_batch(testing::replayed({{"b", event("b")}, {"c", event("c")}})->frame());
  json("", event("d"));
  admission->flush();
  EXPECT_EQ(told(),
            "live a={\"type\":\"a\"} \n"
            "replayed b={\"type\":\"b\"} c={\"type\":\"c\"} \n"
            "live d={\"type\":\"d\"} \n");
  // One that must be made anew, since not all of it is good.
  json("", event("a"));
  admission->admit_batch(testing::replayed({{"b", event("b")}, {"c", "bad"}})->frame());
  json("", event("d"));
  admission->admit_batch(testing::replayed({{"c", "bad"}})->frame());
  json("", event("e"));
  admission->flush();
  EXPECT_EQ(told(),
            "live a={\"type\":\"a\"} \n"
            "replayed b={\"type\":\"b\"} \n"
            "live d={\"type\":\"d\"} \n"
            "live e={\"type\":\"e\"} \n");
}

// A sequence is first + position: with holes left in, a sender could make the sequences of his
// events reach into those of batches that come later.
TEST_F(AdmissionTest, ClosesTheHolesInTheOrderOfAThinnedFrame) {
  const std::vector<std::string_view> keys{"a"};
  const std::string bodies = event("a") + event("a");
  const auto size = static_cast<std::uint32_t>(event("a").size());
  const std::vector<EventEntry> entries{{1, 0, size, 3, 0, 0},
                                        {2, size, size, 4'000'000'000, 0, 0}};
  admission->admit_batch(write_batch({keys, entries, bodies})->frame());
  EXPECT_EQ(admitted(), "a={\"type\":\"a\"} a={\"type\":\"a\"} ");
  EXPECT_EQ(batches[0]->entries()[0].position, 0u);
  EXPECT_EQ(batches[0]->entries()[1].position, 1u);
  EXPECT_EQ(batches[0]->entries()[1].timestamp_us, 2);
}

TEST_F(AdmissionTest, MakesOneFrameOfAFrameWithoutItsBadEvents) {
  make({.limits = {.message_bytes_max = 200'000, .event_bytes_max = 4096}});
  std::vector<Said> events;
  for (int i = 0; i < 2000; ++i) events.push_back({"a", event("a") + std::string(60, ' ')});
  events.insert(events.begin() + 1000, {"a", "bad"});
  json("", event("begun"));
  frame(events);
  EXPECT_EQ(refused, "malformed_json a ");
  ASSERT_EQ(batches.size(), 2u) << "what came before goes before";
  EXPECT_EQ(batches[1]->size(), 2000u);
}

TEST_F(AdmissionTest, RefusesOnlyTheEventAboveTheLimitOfAShapedFrame) {
  const auto long_event = [](std::size_t n) {
    return R"({"type":"a","n":")" + std::string(n, 'x') + "\"}";
  };
  for (std::size_t n : {10, 20, 30, 5000, 40, 50}) json("", long_event(n));
  admission->flush();
  ASSERT_EQ(batches.size(), 1u);
  const auto shaped = std::move(batches.front());
  batches.clear();
  ASSERT_TRUE(shaped->is_shaped()) << "the premise";
  make({.limits = {.event_bytes_max = 4096}});
  admission->admit_batch(shaped->frame());
  EXPECT_EQ(refused, "event_too_large a ");
  EXPECT_EQ(refused_bytes, long_event(5000).size());
  EXPECT_EQ(admission->figures().accepted_events, 5u);
  ASSERT_EQ(batches.size(), 1u);
  EXPECT_TRUE(batches[0]->is_shaped());
  std::string kept;
  for (std::size_t n : {10, 20, 30, 40, 50}) kept += "a=" + long_event(n) + " ";
  EXPECT_EQ(admitted(), kept);
}

// 32 numbers of 128 digits in a list: the body that says how long each is takes more than the text.
TEST_F(AdmissionTest, HasRoomForBodiesThatAreLongerThanTheirTexts) {
  std::string numbers;
  for (int i = 0; i < 31; ++i) numbers += std::string(128, '7') + ",";
  const std::string one = R"({"type":"a","n":[)" + numbers + std::string(128, '7') + "]}";
  std::string list = "[" + one;
  while (list.size() + one.size() + 2 < (std::size_t{1} << 20)) list += "," + one;
  json("", one);
  json("", "[" + std::string(250'000, ' ') + "]");
  while (admission->figures().accepted_events < 60) json("", one);
  json("", list + "]");
  json("", list + "]");
  admission->flush();
  EXPECT_EQ(refused, "");
  for (const auto& batch : batches) EXPECT_LE(batch->frame().size(), std::size_t{1} << 20);
}

// 4,000 events of 300 shapes, more than a relay learns, and one that is none: as JSON they would
// take seven times the frame's bytes.
std::unique_ptr<Batch> swelling() {
  constexpr std::uint32_t kShapes = 300;
  std::vector<std::string> texts;
  for (std::uint32_t i = 0; i < kShapes; ++i) {
    texts.push_back(R"({"type":"a","s)" + std::to_string(i) + R"(":1,"pad":")" +
                    std::string(1980, 'p') + R"(","n":)" + "\x02}");
  }
  std::string bodies;
  std::vector<EventEntry> entries;
  const auto add = [&](std::string_view body, std::uint32_t shape) {
    entries.push_back(
        {0, static_cast<std::uint32_t>(bodies.size()), static_cast<std::uint32_t>(body.size()),
         static_cast<std::uint32_t>(entries.size()), 0, static_cast<std::uint16_t>(shape)});
    bodies += body;
  };
  for (std::uint32_t i = 0; i < 4000; ++i) {
    add(i < kShapes ? std::string_view("\x01\0\0\0\x01"
                                       "7",
                                       6)
                    : std::string_view("\0\0\0\0", 4),
        i % kShapes + 1);
  }
  add("bad", 0);
  const std::vector<std::string_view> keys{"a"};
  const std::vector<std::string_view> shapes(texts.begin(), texts.end());
  return write_batch({keys, entries, bodies, shapes});
}

TEST_F(AdmissionTest, SaysThatItIsTheJsonThatIsTooLargeAndCountsTheEvents) {
  make({.limits = {.message_bytes_max = 800'000, .event_bytes_max = 64 << 10}});
  const auto batch = swelling();
  ASSERT_LT(batch->frame().size(), 800'000u) << "the premise";
  admission->admit_batch(batch->frame());
  EXPECT_EQ(refused, "message_too_large  ");
  EXPECT_EQ(expected, "a batch of at most 6400000 bytes of JSON (8 times push.message_bytes_max)");
  EXPECT_EQ(admission->figures().refused_events, 4001u);
}

TEST_F(AdmissionTest, MakesOneFrameOfAFrameThatWouldSwell) {
  admission->admit_batch(swelling()->frame());
  EXPECT_EQ(refused, "malformed_json a ");
  ASSERT_EQ(batches.size(), 1u);
  EXPECT_EQ(batches[0]->size(), 4000u);
  EXPECT_EQ(batches[0]->shapes().size(), 300u);
}

}  // namespace
}  // namespace xylem
