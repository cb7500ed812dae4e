// Goal    the push endpoint takes in what docs/protocol.md §3 lists, refuses the rest, and reads
//         nothing while the pipeline has no room.
// Method  the agent's own calls on one thread, a push socket over ipc, and the edge in the test's
// hand.

#include "relay/ingest/push_ingest.h"

#include <gtest/gtest.h>

#include "tests/doubles/batches.h"
#include "tests/doubles/manual_clock.h"
#include "tests/doubles/sockets.h"
#include "tests/doubles/tested_engine.h"

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
  Context context{testing::tested_engine()};
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

// One message can become more batches than the edge has room for.
class Surplus : public PushIngestTest {
 protected:
  static constexpr std::size_t kInList = 600;
  static constexpr std::size_t kBefore = 15;

  Surplus() {
    EXPECT_TRUE(anew.on_start());
    EXPECT_TRUE(other.connect(anew.bound().at(0)));
    const auto one = testing::batch_of({{"a", R"({"type":"a"})"}});
    for (std::size_t i = 0; i < kBefore; ++i) send_soon(other, {text_of(*one)});
    std::string list = "[";
    for (std::size_t i = 0; i < kInList; ++i) list += std::string(i == 0 ? "" : ",") + kListed;
    send_soon(other, {"", list + "]"});
    while (edge.room() != 0) EXPECT_TRUE(works_soon(anew));
  }

  static constexpr const char* kListed = R"({"type":"l"})";
  PushIngest anew{{.listen = {dir.ipc("anew")},
                   .admission = {.limits = {.message_bytes_max = 8192, .event_bytes_max = 1000}}},
                  context,
                  edge,
                  clock};
  Socket other{context, SocketKind::push, {}};
};

TEST_F(Surplus, WaitsForRoomAndNothingIsReadMeanwhile) {
  send_soon(other, {"b", R"({"type":"b"})"});
  EXPECT_EQ(anew.do_work(clock.now()), 0u) << "the other message waits";
  EXPECT_FALSE(anew.has_work()) << "so that it sleeps until there is room";
  EXPECT_EQ(anew.drain(clock.now()), Agent::Drain::unfinished);

  std::string told;
  std::size_t events = 0;
  while (events < kBefore + kInList + 1) {
    std::array<Batch*, 1> next{};
    if (edge.pop(next) == 0) {
      ASSERT_TRUE(works_soon(anew)) << events;
      continue;
    }
    const std::unique_ptr<Batch> popped(next[0]);
    EXPECT_LE(popped->frame().size(), 8192u);
    events += popped->size();
    told += testing::said(*popped);
    static_cast<void>(anew.do_work(clock.now()));
  }
  std::string expected;
  for (std::size_t i = 0; i < kBefore; ++i) expected += "a={\"type\":\"a\"} ";
  for (std::size_t i = 0; i < kInList; ++i) expected += "l={\"type\":\"l\"} ";
  EXPECT_EQ(told, expected + "b={\"type\":\"b\"} ");
}

TEST_F(Surplus, IsToldByAStopThatLeavesItBehind) {
  std::uint64_t handed_on = 0;
  for (std::array<Batch*, 1> next{}; edge.pop(next) == 1;) {
    handed_on += std::unique_ptr<Batch>(next[0])->size();
  }
  EXPECT_LT(handed_on, kBefore + kInList);
  EXPECT_EQ(anew.on_stop(), kBefore + kInList - handed_on);
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
