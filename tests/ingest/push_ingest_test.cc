// Goal    the push endpoint takes in what docs/protocol.md §3 lists, refuses the rest, and reads
//         nothing while the pipeline has no room.
// Method  the agent's own calls on one thread, a push socket over ipc, and the edge in the test's
// hand.

#include "relay/ingest/push_ingest.h"

#include <gtest/gtest.h>

#include "tests/doubles/batches.h"
#include "tests/doubles/manual_clock.h"
#include "tests/doubles/sockets.h"

namespace xylem {
namespace {

using testing::send_soon;

class PushIngestTest : public ::testing::Test {
 protected:
  PushIngestTest() { edge.join(producer, consumer); }
  void SetUp() override {
    ASSERT_TRUE(ingest.on_start());
    ASSERT_TRUE(sender.connect(ingest.bound().at(0)));
  }
  // Works until `batches` have arrived; each in a line.
  std::string admitted(std::size_t batches) {
    std::string told;
    for (std::size_t taken = 0; taken < batches;) {
      std::array<Batch*, 1> next{};
      if (edge.pop(next) == 1) {
        const std::unique_ptr<Batch> batch(next[0]);
        told += testing::said(*batch);
        ++taken;
      } else if (ingest.do_work(clock.now()) == 0 && !wait()) {
        return told + "nothing";
      }
    }
    return told;
  }
  bool wait() {
    if (ingest.has_work()) return true;
    std::vector<int> fds;
    ingest.wait_fds(fds);
    pollfd poll{fds.at(0), POLLIN, 0};
    return ::poll(&poll, 1, testing::kSoonMs) == 1;
  }
  bool works_soon(PushIngest& other) {
    std::vector<int> fds;
    other.wait_fds(fds);
    pollfd poll{fds.at(0), POLLIN, 0};
    while (other.do_work(clock.now()) == 0) {
      if (::poll(&poll, 1, testing::kSoonMs) != 1) return false;
    }
    return true;
  }
  static std::string text_of(const Batch& batch) {
    return {reinterpret_cast<const char*>(batch.frame().data()), batch.frame().size()};
  }
  double refused(std::string_view reason) {
    Samples samples;
    ingest.sample(samples);
    for (const Sample& sample : samples) {
      if (sample.labels.size() == 2 && sample.labels[1].second == reason) return sample.value;
    }
    return -1;
  }

  testing::TempDir dir;
  testing::ManualClock clock;
  Context context;
  Doorbell producer, consumer;
  SourceEdge edge{"push", 16};
  PushIngest ingest{{.listen = {dir.ipc("push")},
                     .admission = {.limits = {.message_bytes_max = 1000, .event_bytes_max = 1000}}},
                    context,
                    edge,
                    clock};
  Socket sender{context, SocketKind::push, {}};
};

TEST_F(PushIngestTest, TakesEventsListsAndFrames) {
  send_soon(sender, {"a", R"({"type":"a"})"});
  EXPECT_EQ(admitted(1), "a={\"type\":\"a\"} ");
  send_soon(sender, {"task.multi", R"([{"type":"b"},{"type":"c"}])"});
  EXPECT_EQ(admitted(1), "b={\"type\":\"b\"} c={\"type\":\"c\"} ");
  const auto batch = testing::batch_of({{"d", R"({"type":"d"})"}});
  send_soon(sender, {text_of(*batch)});
  EXPECT_EQ(admitted(1), "d={\"type\":\"d\"} ");
}

TEST_F(PushIngestTest, RefusesMessagesOfThreeFramesAndGoesOn) {
  send_soon(sender, {"a", R"({"type":"a"})", "more", "and more"});
  send_soon(sender, {"no frame"});
  send_soon(sender, {"b", std::string(1001, ' ')});
  send_soon(sender, {"b", R"({"type":"b"})"});
  EXPECT_EQ(admitted(1), "b={\"type\":\"b\"} ");
  EXPECT_EQ(refused("bad_frames"), 1);
  EXPECT_EQ(refused("wrong_identifier"), 1);
  EXPECT_EQ(refused("message_too_large"), 1);
}

TEST_F(PushIngestTest, ReadsNothingWhileThePipelineHasNoRoom) {
  while (edge.room() != 0) edge.push(testing::batch_of("x", 1).release());
  send_soon(sender, {"a", R"({"type":"a"})"});
  std::vector<int> fds;
  ingest.wait_fds(fds);
  pollfd poll{fds.at(0), POLLIN, 0};
  ASSERT_EQ(::poll(&poll, 1, testing::kSoonMs), 1);
  EXPECT_EQ(ingest.do_work(clock.now()), 0u);
  EXPECT_FALSE(ingest.has_work()) << "so that it sleeps until there is room";
  EXPECT_EQ(ingest.drain(clock.now()), Agent::Drain::unfinished);

  std::array<Batch*, 16> out{};
  for (Batch* batch : std::span(out).first(edge.pop(out))) delete batch;
  EXPECT_EQ(admitted(1), "a={\"type\":\"a\"} ");
}

TEST_F(PushIngestTest, KeepsWhatTheEdgeHasNoRoomForAndReadsNothingMeanwhile) {
  PushIngest anew({.listen = {dir.ipc("anew")},
                   .admission = {.limits = {.event_bytes_max = 1000}, .batch_bytes_full = 100}},
                  context, edge, clock);
  ASSERT_TRUE(anew.on_start());
  Socket other{context, SocketKind::push, {}};
  ASSERT_TRUE(other.connect(anew.bound().at(0)));
  const auto batch = testing::batch_of(testing::with_a_bad_one(200));
  send_soon(other, {text_of(*batch)});
  send_soon(other, {"b", R"({"type":"b"})"});
  ASSERT_TRUE(works_soon(anew));
  EXPECT_EQ(edge.room(), 0u);
  EXPECT_EQ(anew.do_work(clock.now()), 0u) << "the other message waits";
  EXPECT_FALSE(anew.has_work()) << "so that it sleeps until there is room";
  EXPECT_EQ(anew.drain(clock.now()), Agent::Drain::unfinished);

  std::string told;
  std::size_t events = 0;
  while (events < 201) {
    std::array<Batch*, 1> next{};
    if (edge.pop(next) == 0) {
      ASSERT_TRUE(works_soon(anew)) << events;
      continue;
    }
    const std::unique_ptr<Batch> popped(next[0]);
    events += popped->size();
    told += testing::said(*popped);
    static_cast<void>(anew.do_work(clock.now()));
  }
  std::string expected;
  for (const testing::Said& event : testing::with_a_bad_one(200)) {
    if (event.body != "bad") expected += event.key + "=" + event.body + " ";
  }
  EXPECT_EQ(told, expected + "b={\"type\":\"b\"} ");
}

// 4,000 events of 300 shapes, more than a relay learns, and one that is none: made anew they take
// seven times the frame's bytes.
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

TEST_F(PushIngestTest, SurvivesAFrameThatSwellsAndTellsWhatAStopLeavesBehind) {
  PushIngest anew({.listen = {dir.ipc("anew")}, .admission = {}}, context, edge, clock);
  ASSERT_TRUE(anew.on_start());
  Socket other{context, SocketKind::push, {}};
  ASSERT_TRUE(other.connect(anew.bound().at(0)));
  const auto batch = swelling();
  send_soon(other, {text_of(*batch)});
  ASSERT_TRUE(works_soon(anew));
  EXPECT_EQ(edge.room(), 0u);
  std::uint64_t handed_on = 0;
  for (std::array<Batch*, 1> next{}; edge.pop(next) == 1;) {
    handed_on += std::unique_ptr<Batch>(next[0])->size();
  }
  EXPECT_LT(handed_on, 4000u);
  EXPECT_EQ(anew.on_stop(), 4000 - handed_on);
}

TEST_F(PushIngestTest, FinishesItsDrainOnceNothingMoreHasCome) {
  send_soon(sender, {"a", R"({"type":"a"})"});
  ASSERT_EQ(admitted(1), "a={\"type\":\"a\"} ");
  EXPECT_EQ(ingest.drain(clock.now()), Agent::Drain::finished);
  EXPECT_EQ(ingest.on_stop(), 0u);
}

TEST_F(PushIngestTest, SaysWhereItCannotListen) {
  const auto nowhere = Address::parse("ipc://" + dir.path() + "/missing/push").value();
  PushIngest other({.listen = {nowhere}, .admission = {}}, context, edge, clock);
  EXPECT_EQ(other.on_start().error().code, ErrorCode::io);
}

}  // namespace
}  // namespace xylem
