// Goal    the acked endpoint takes each source's batches once and in order, acknowledges each at
//         the level asked for and never before, and refuses the rest with a reason.
// Method  the agent's own calls on one thread, a dealer socket over ipc, the edge and the log's
//         progress in the test's hand.

#include "relay/ingest/acked_ingest.h"

#include <gtest/gtest.h>

#include "relay/codec/batch_codec.h"

#include "tests/doubles/batches.h"
#include "tests/doubles/manual_clock.h"
#include "tests/doubles/sockets.h"
#include "tests/doubles/tested_engine.h"

namespace xylem {
namespace {

constexpr SourceId kUs{95};

class AckedIngestTest : public ::testing::Test {
 protected:
  AckedIngestTest() { edge.join(producer, consumer); }
  void SetUp() override {
    ASSERT_TRUE(ingest.on_start());
    // The first heartbeat is due at once; it is over before there is anybody to hear it.
    static_cast<void>(ingest.do_work(clock.now()));
    ASSERT_TRUE(source.connect(ingest.bound().at(0)));
  }
  AckedIngest::Options options() {
    AckedIngest::Options made;
    made.listen = {folder.ipc("acked")};
    made.limits.level_max = AckLevel::synced;
    made.limits.sources_max = 2;
    // Only what was earned is to be seen, unless a test wants the heartbeat.
    made.limits.heartbeat = std::chrono::hours(1);
    made.admission.limits.message_bytes_max = large_with_a_bad_one()->frame().size();
    made.admission.limits.event_bytes_max = 1000;
    return made;
  }
  static std::unique_ptr<Batch> large_with_a_bad_one() {
    return testing::batch_of(testing::with_a_bad_one(400));
  }
  void send_frame(Frame& frame) { ASSERT_EQ(source.send(frame), SendOutcome::sent); }
  void send(const Control& control) {
    Frame frame(write_control(control));
    send_frame(frame);
  }
  void send_batch(std::uint64_t number, std::unique_ptr<Batch> batch, SourceId from = kUs) {
    batch->stamp_for_link(from, {number});
    Frame frame{BatchRef(std::move(batch))};
    send_frame(frame);
  }
  void send_event(std::uint64_t number) {
    send_batch(number, testing::batch_of({{"task.sent", R"({"type":"task-sent"})"}}));
  }
  // Takes what has come to the pipeline and gives it sequences; says the origin's numbers.
  std::string stamp_all() {
    std::string told;
    for (std::array<Batch*, 1> next{}; edge.pop(next) == 1;) {
      const std::unique_ptr<Batch> batch(next[0]);
      batch->stamp({7}, next_, 1);
      next_ = next_.after(batch->size());
      edge.add_stamped(1, {next_.value - 1});
      told += fmt::format("{}:{} ", batch->origin().number.value, batch->size());
    }
    return told;
  }
  // Works until a frame comes back, and says it in words.
  std::string answer() {
    Frame frame;
    for (int turns = 0; turns < 20'000; ++turns) {
      static_cast<void>(ingest.do_work(clock.now()));
      if (source.receive(frame)) return words(read_control(frame.bytes()).value());
      pollfd wait[] = {{source.fd(), POLLIN, 0}, {fd(), POLLIN, 0}};
      ::poll(wait, 2, 1);
    }
    return "nothing";
  }
  // Works until `batches` were pushed on the edge.
  void take_in(double frames) {
    for (int turns = 0; turns < 20'000 && received() < frames; ++turns) {
      static_cast<void>(ingest.do_work(clock.now()));
      pollfd wait{fd(), POLLIN, 0};
      ::poll(&wait, 1, 1);
    }
  }
  double received() { return sampled(Metric::source_messages); }
  double sampled(Metric metric) {
    Samples samples;
    ingest.sample(samples);
    double sum = 0;
    for (const Sample& sample : samples) sum += sample.metric == metric ? sample.value : 0;
    return sum;
  }
  int fd() {
    std::vector<int> fds;
    ingest.wait_fds(fds);
    return fds.at(0);
  }
  static std::string words(const Control& control) {
    if (const auto* welcome = std::get_if<SourceWelcome>(&control)) {
      return fmt::format("welcome after {}", welcome->acked.value);
    }
    if (const auto* ack = std::get_if<Ack>(&control)) {
      return ack->missing.value == 0
                 ? fmt::format("ack {}", ack->acked.value)
                 : fmt::format("ack {} missing {}", ack->acked.value, ack->missing.value);
    }
    if (const auto* bye = std::get_if<Bye>(&control)) {
      return fmt::format("bye {}: {}", name_of(bye->reason), bye->text);
    }
    return "something else";
  }
  void hello(AckLevel level, std::uint64_t first = 1) {
    send(SourceHello{kAckedProtocol, "us", kUs, {first}, level});
    ASSERT_EQ(answer(), fmt::format("welcome after {}", first - 1));
  }
  // One event is on its way to the disk, and does not come there.
  void begin_while_a_disk_hangs() {
    hello(AckLevel::synced);
    send_event(1);
    take_in(2);
    EXPECT_EQ(stamp_all(), "1:1 ");
  }

  testing::TempDir folder;
  testing::ManualClock clock;
  Doorbell producer, consumer;
  static constexpr std::uint64_t kEdgeBatches = 64;
  SourceEdge edge{"acked", kEdgeBatches};
  LogProgress log;
  Context context{testing::tested_engine()};
  AckedIngest ingest{options(), context, edge, &log, clock};
  Socket source{context, SocketKind::dealer, {}};
  Sequence next_{1};
};

TEST_F(AckedIngestTest, AcknowledgesAtReceivedOnceThePipelineHasIt) {
  hello(AckLevel::received);
  send_event(1);
  send_event(2);
  take_in(3);
  EXPECT_EQ(sampled(Metric::acked_batches), 0);
  EXPECT_EQ(stamp_all(), "1:1 2:1 ");
  EXPECT_EQ(answer(), "ack 2");
}

TEST_F(AckedIngestTest, AcknowledgesAtWrittenOnceTheLogHasWrittenAndNotBefore) {
  hello(AckLevel::written);
  send_event(1);
  take_in(2);
  static_cast<void>(stamp_all());
  send_event(2);
  take_in(3);
  static_cast<void>(stamp_all());
  static_cast<void>(ingest.do_work(clock.now()));
  EXPECT_EQ(sampled(Metric::acked_batches), 0);
  log.show({1}, {0});
  EXPECT_EQ(answer(), "ack 1");
  log.show({2}, {1});
  EXPECT_EQ(answer(), "ack 2");
}

TEST_F(AckedIngestTest, AcknowledgesAtSyncedOnceTheLogHasSynced) {
  hello(AckLevel::synced);
  send_event(1);
  take_in(2);
  static_cast<void>(stamp_all());
  log.show({1}, {0});
  static_cast<void>(ingest.do_work(clock.now()));
  EXPECT_EQ(sampled(Metric::acked_batches), 0);
  log.show({1}, {1});
  EXPECT_EQ(answer(), "ack 1");
}

TEST_F(AckedIngestTest, DropsAndCountsWhatComesAgainAndAsksForWhatIsMissing) {
  hello(AckLevel::received);
  send_event(1);
  send_event(1);
  send_event(3);
  take_in(4);
  EXPECT_EQ(stamp_all(), "1:1 ");
  // What comes again may have been answered on its own, with the same as before.
  std::string told = answer();
  while (told == "ack 0") told = answer();
  EXPECT_EQ(told, "ack 0 missing 2");
  EXPECT_EQ(answer(), "ack 1");
  EXPECT_EQ(sampled(Metric::acked_duplicates), 1);
  EXPECT_EQ(sampled(Metric::acked_holes), 1);
}

TEST_F(AckedIngestTest, OnlyTheLastOfWhatABatchBecameCarriesItsNumber) {
  hello(AckLevel::received);
  send_batch(1, testing::batch_of({{"task.sent", R"({"type":"task-sent"})"},
                                   {"task.sent", R"({"type":"other"})"},
                                   {"task.sent", R"({"type":"task-sent"})"}}));
  take_in(2);
  EXPECT_EQ(stamp_all(), "1:2 ");
  EXPECT_EQ(answer(), "ack 1");
  EXPECT_EQ(sampled(Metric::source_refused), 1);
}

// A stranger's clock may say anything; run with the undefined behaviour sanitizer.
TEST_F(AckedIngestTest, TakesEventsOfSourcesWithAnyClock) {
  std::uint64_t number = 0;
  for (const std::int64_t wall_us :
       {INT64_MIN, INT64_MIN + 1, INT64_C(-1), INT64_C(1), INT64_MAX}) {
    send(SourceHello{kAckedProtocol, "us", kUs, {number + 1}, AckLevel::received, wall_us});
    ASSERT_EQ(answer(), fmt::format("welcome after {}", number));
    for (const std::int64_t received_us : {INT64_MIN, INT64_C(-1), INT64_C(1), INT64_MAX}) {
      auto batch = testing::batch_of({{"task.sent", R"({"type":"task-sent"})"}});
      batch->stamp_for_link(kUs, {++number}, received_us);
      Frame frame{BatchRef(std::move(batch))};
      send_frame(frame);
      take_in(received() + 1);
      EXPECT_EQ(stamp_all(), fmt::format("{}:1 ", number));
    }
    const std::string all = fmt::format("ack {}", number);
    std::string told;
    while (told != all && told != "nothing") told = answer();
    ASSERT_EQ(told, all);
  }
}

// As large as a frame may be, so that what is left of it has no room in one of which only the bytes
// at most are known.
TEST_F(AckedIngestTest, AFrameThatBecomesMoreBatchesThanTheEdgeHoldsIsAcknowledgedAfterTheLast) {
  hello(AckLevel::received);
  for (std::uint64_t number = 1; number < kEdgeBatches; ++number) send_event(number);
  send_batch(kEdgeBatches, large_with_a_bad_one());
  take_in(kEdgeBatches + 1);
  EXPECT_EQ(edge.room(), 0u);
  const std::string first = stamp_all();
  static_cast<void>(ingest.do_work(clock.now()));
  EXPECT_EQ(sampled(Metric::acked_batches), kEdgeBatches - 1) << first;
  const std::string rest = stamp_all();
  EXPECT_NE(rest.find(fmt::format("{}:", kEdgeBatches)), std::string::npos) << first << rest;
  EXPECT_EQ(next_.value, kEdgeBatches + 400);
  EXPECT_EQ(answer(), fmt::format("ack {}", kEdgeBatches - 1));
  EXPECT_EQ(answer(), fmt::format("ack {}", kEdgeBatches));
}

TEST_F(AckedIngestTest, ABatchWithoutAGoodEventIsAcknowledgedNevertheless) {
  hello(AckLevel::written);
  send_batch(1, testing::batch_of({{"task.sent", R"({"type":"other"})"}}));
  EXPECT_EQ(answer(), "ack 1");
}

// They go into no ring that could be full, so nothing else would bound them.
TEST_F(AckedIngestTest, BatchesWithoutEventsTakeNoPlaceWhileADiskHangs) {
  begin_while_a_disk_hangs();
  for (std::uint64_t number = 2; number <= 100; ++number) {
    send_batch(number, write_batch({{}, {}, ""}));
    take_in(static_cast<double>(number) + 1);
  }
  EXPECT_EQ(sampled(Metric::acked_pending), 1);
  EXPECT_EQ(sampled(Metric::acked_batches), 0) << "one before them is not there yet";
  log.show({1}, {1});
  EXPECT_EQ(answer(), "ack 100");
  EXPECT_EQ(sampled(Metric::acked_batches), 100);
  send_batch(101, write_batch({{}, {}, ""}));
  EXPECT_EQ(answer(), "ack 101") << "nothing is before it";
}

TEST_F(AckedIngestTest, HellosTakeNoPlaceWhileADiskHangs) {
  begin_while_a_disk_hangs();
  for (std::uint64_t number = 2; number <= 20; ++number) {
    send_batch(number, write_batch({{}, {}, ""}));
    send(SourceHello{kAckedProtocol, "us", kUs, {1}, AckLevel::synced});
    EXPECT_EQ(answer(), "welcome after 0");
  }
  EXPECT_EQ(sampled(Metric::acked_pending), 1);
  log.show({1}, {1});
  EXPECT_EQ(answer(), "ack 20");
}

TEST_F(AckedIngestTest, CountsTheEventsOfWhatItRefuses) {
  hello(AckLevel::received);
  send_batch(1, testing::batch_of({{"task.sent", R"({"type":"task-sent"})"},
                                   {"task.sent", R"({"type":"other"})"}}));
  take_in(2);
  EXPECT_EQ(sampled(Metric::source_refused_events), 1);
}

TEST_F(AckedIngestTest, KnowsASourceOverConnectionsAndOverItsOwnRestart) {
  ingest.recover({{kUs.value, {{5}, 0}}});
  send(SourceHello{kAckedProtocol, "us", kUs, {3}, AckLevel::written});
  EXPECT_EQ(answer(), "welcome after 5");
  send_event(5);
  EXPECT_EQ(answer(), "ack 5");
  EXPECT_EQ(stamp_all(), "");
}

TEST_F(AckedIngestTest, WhatWasOnlyReceivedIsNotAckedToASourceThatWantsMore) {
  hello(AckLevel::received);
  send_event(1);
  send_event(2);
  take_in(3);
  stamp_all();
  EXPECT_EQ(answer(), "ack 2");
  hello(AckLevel::synced, 2);  // the second ack was lost
  log.show({2}, {1});
  send_event(2);
  EXPECT_EQ(answer(), "ack 1") << "taken already, and not on the disk yet";
  log.show({2}, {2});
  EXPECT_EQ(answer(), "ack 2");
}

TEST_F(AckedIngestTest, WhatIsUnderWayWaitsForTheLevelThatIsWantedNow) {
  hello(AckLevel::written);
  send_event(1);
  take_in(2);
  stamp_all();
  hello(AckLevel::synced);
  log.show({1}, {0});
  send_event(1);
  EXPECT_EQ(answer(), "ack 0");
  log.show({1}, {1});
  EXPECT_EQ(answer(), "ack 1");
}

TEST_F(AckedIngestTest, AsksWhoeverItDoesNotKnowToSayHello) {
  send_event(1);
  EXPECT_EQ(answer(), "bye unknown_session: say SourceHello first");
  EXPECT_EQ(stamp_all(), "");
}

TEST_F(AckedIngestTest, RefusesWithAReasonWhatMakesNoSense) {
  send(SourceHello{9, "us", kUs, {1}, AckLevel::received});
  EXPECT_EQ(answer(), "bye refused: protocol 1 is spoken here, and not 9");
  hello(AckLevel::received);
  Frame nonsense{std::string_view("nonsense")};
  send_frame(nonsense);
  EXPECT_EQ(answer(), "bye refused: a frame that is no sound batch (wrong_identifier)");
  send(Hello{});
  EXPECT_EQ(
      answer(),
      "bye refused: a subscriber's Hello, and this is an acked endpoint: say it at a stream's "
      "(wrong_identifier)");
  hello(AckLevel::received);
  send_batch(1, testing::batch_of({{"task.sent", R"({"type":"task-sent"})"}}), SourceId{96});
  EXPECT_EQ(answer(),
            "bye refused: a batch stamped with another source than the SourceHello's "
            "(malformed_batch)");
  EXPECT_EQ(stamp_all(), "");
}

TEST_F(AckedIngestTest, RepeatsItsAckAsAHeartbeat) {
  AckedIngest::Options often = options();
  hello(AckLevel::received);
  clock.advance(often.limits.heartbeat);
  EXPECT_EQ(answer(), "ack 0");
}

TEST_F(AckedIngestTest, ReadsNothingWhileThePipelineHasNoRoom) {
  hello(AckLevel::received);
  for (std::uint64_t number = 1; number <= 100; ++number) send_event(number);
  for (int turns = 0; turns < 100; ++turns) static_cast<void>(ingest.do_work(clock.now()));
  EXPECT_LE(received(), 65) << "the hello, and as many as the edge holds";
  std::string numbers;
  while (received() < 101) {
    numbers += stamp_all();
    take_in(received() + 1);
  }
  numbers += stamp_all();
  std::string expected;
  for (int number = 1; number <= 100; ++number) expected += fmt::format("{}:1 ", number);
  EXPECT_EQ(numbers, expected);
}

TEST_F(AckedIngestTest, WhenItStopsItAcknowledgesWhatItTookAndSaysBye) {
  hello(AckLevel::received);
  send_event(1);
  take_in(2);
  EXPECT_EQ(ingest.drain(clock.now()), Agent::Drain::unfinished);
  static_cast<void>(stamp_all());
  EXPECT_EQ(ingest.drain(clock.now()), Agent::Drain::finished);
  EXPECT_EQ(ingest.on_stop(), 0u);
  const std::string said = testing::message_of(source);
  EXPECT_EQ(words(read_control(std::as_bytes(std::span(said))).value()), "ack 1");
}

}  // namespace
}  // namespace xylem
