// Goal    events become the messages that Celery's consumers expect, in their order, and each
//         is in a message or counted.
// Method  batches by hand, a clock of the test's own.

#include "relay/amqp/event_packer.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/doubles/batches.h"
#include "tests/doubles/manual_clock.h"

namespace xylem {
namespace {

using std::chrono::seconds;

std::string worker_event(std::string_view type, std::string_view hostname,
                         std::string_view more = "") {
  return fmt::format(R"({{"type": "worker-{}", "hostname": "{}", "timestamp": 1.5{}}})", type,
                     hostname, more);
}

class EventPackerTest : public ::testing::Test {
 protected:
  EventPacker& packer() {
    if (!made) {
      options.filter = TopicFilter::parse({wanted}).value();
      made.emplace(options, clock);
    }
    return *made;
  }
  // What these events become, one line a message: "key body".
  std::string pack(const std::vector<testing::Said>& said, Duration age = Duration(0)) {
    return told(*testing::batch_of(said), age);
  }
  std::string told(Batch& batch, Duration age = Duration(0)) {
    const auto age_us = std::chrono::duration_cast<std::chrono::microseconds>(age).count();
    batch.stamp({7}, {next}, clock.wall_us() - age_us);
    next += batch.size();
    std::deque<PackedMessage> out;
    packer().pack(batch, from, clock.now(), clock.wall_us(), out);
    packer().finish(out);
    std::string text;
    for (const PackedMessage& message : out) {
      text += message.routing_key + " " + message.body + "\n";
      events += message.events;
    }
    last = out;
    return text;
  }
  std::string heartbeat(std::string_view hostname) {
    return pack({{"worker.heartbeat", worker_event("heartbeat", hostname, R"(, "freq": 2.0)")}});
  }
  void TearDown() override {
    const EventPacker::Counts& counts = packer().counts();
    EXPECT_EQ(events + counts.filtered + counts.stale + counts.refused + passed_over, next - 1)
        << "every event is somewhere";
  }
  testing::ManualClock clock;
  EventPacker::Options options;
  std::string wanted = "#";
  LogPosition from;
  std::optional<EventPacker> made;
  std::deque<PackedMessage> last;
  std::uint64_t next = 1;
  std::uint64_t events = 0;
  std::uint64_t passed_over = 0;
};

TEST_F(EventPackerTest, MergesTaskEventsOfAllWorkersIntoLists) {
  EXPECT_EQ(pack({{"task.received", "{1}"}, {"task.started", "{2}"}, {"task.failed", "{3}"}}),
            "task.multi [{1},{2},{3}]\n");
  EXPECT_EQ(last.front().events, 3u);
  EXPECT_EQ(last.front().begin, (LogPosition{{7}, {1}}));
  EXPECT_EQ(last.front().hostname, "") << "it is of several";
}

// Which those are: celery/worker/request.py, strategy.py, consumer/consumer.py.
TEST_F(EventPackerTest, PutsIntoListsWhatCelerysWorkersPutThere) {
  for (const char* key : {"received", "started", "succeeded", "failed", "retried", "revoked",
                          "rejected", "cancelled"}) {
    EXPECT_EQ(pack({{fmt::format("task.{}", key), "{1}"}}), "task.multi [{1}]\n") << key;
  }
  EXPECT_EQ(pack({{"task.started", "{1}"}, {"task.sent", "{2}"}, {"task.started", "{3}"}}),
            "task.multi [{1}]\ntask.sent {2}\ntask.multi [{3}]\n")
      << "a client's";
  EXPECT_EQ(pack({{"task.progress", "{1}"}, {"task.failed.twice", "{2}"}}),
            "task.progress {1}\ntask.failed.twice {2}\n")
      << "a task's own";
}

TEST_F(EventPackerTest, KeepsListsToTheirBounds) {
  options.list_events_max = 2;
  EXPECT_EQ(pack({{"task.started", "{1}"}, {"task.started", "{2}"}, {"task.started", "{3}"}}),
            "task.multi [{1},{2}]\ntask.multi [{3}]\n");
  EXPECT_EQ(last.back().begin.sequence, Sequence{3});
  made.reset();
  events = passed_over = 0;
  next = 1;
  options.list_events_max = 100;
  options.list_bytes_max = 10;
  EXPECT_EQ(pack({{"task.started", "{1}"},
                  {"task.started", "{2}"},
                  {"task.started", "{3}"},
                  {"task.started", "{123456789}"}}),
            "task.multi [{1},{2}]\ntask.multi [{3}]\ntask.multi [{123456789}]\n");
}

TEST_F(EventPackerTest, NeverSendsAWorkersEventInAListAndKeepsTheOrder) {
  const std::string online = worker_event("online", "w1");
  EXPECT_EQ(pack({{"task.started", "{1}"},
                  {"worker.online", online},
                  {"task.started", "{2}"},
                  {"my.own", "{3}"}}),
            "task.multi [{1}]\nworker.online " + online + "\ntask.multi [{2}]\nmy.own {3}\n");
  EXPECT_EQ(last[1].hostname, "w1");
  EXPECT_EQ(last[3].hostname, "");
}

TEST_F(EventPackerTest, SendsOneAMessageIfAskedTo) {
  options.format = AmqpFormat::single;
  const std::string online = worker_event("online", "w1");
  EXPECT_EQ(pack({{"task.started", "{1}"}, {"task.failed", "{2}"}, {"worker.online", online}}),
            "task.started {1}\ntask.failed {2}\nworker.online " + online + "\n");
  EXPECT_EQ(last[0].message_id, "7:1");
  EXPECT_EQ(last[2].message_id, "7:3");
}

TEST_F(EventPackerTest, LeavesOutWhatNobodyWants) {
  wanted = "task.failed";
  EXPECT_EQ(pack({{"task.sent", "{1}"}, {"task.failed", "{2}"}}), "task.multi [{2}]\n");
  EXPECT_EQ(packer().counts().filtered, 1u);
}

TEST_F(EventPackerTest, GoesOnInTheMiddleOfABatch) {
  from = {{7}, {2}};
  passed_over = 1;
  EXPECT_EQ(pack({{"task.started", "{1}"}, {"task.started", "{2}"}}), "task.multi [{2}]\n");
  EXPECT_EQ(last.front().begin.sequence, Sequence{2});
}

TEST_F(EventPackerTest, RefusesWhatCouldStopCelerysWorkers) {
  EXPECT_EQ(pack({{"worker.online", R"({"type": "worker-online"})"}}), "");
  EXPECT_EQ(packer().counts().refused, 1u);
}

TEST_F(EventPackerTest, RevivesNobodyWithAnOldHeartbeat) {
  const std::vector<testing::Said> all{{"worker.heartbeat", worker_event("heartbeat", "w1")},
                                       {"worker.offline", worker_event("offline", "w1")}};
  EXPECT_EQ(pack(all, seconds(5)), "worker.offline " + all[1].body + "\n");
  EXPECT_EQ(packer().counts().stale, 1u);
  static_cast<void>(pack(all, seconds(3)));
  EXPECT_EQ(last.front().stale_us, clock.wall_us() + 1'000'000);
  EXPECT_EQ(last.back().stale_us, 0);
  // Also one that had waited in a sidecar's spool.
  const auto batch = testing::batch_of(all);
  batch->set_origin({{95}, {1}, false, 5'000'000});
  EXPECT_EQ(told(*batch), "worker.offline " + all[1].body + "\n");
}

TEST_F(EventPackerTest, SendsNothingOfThePast) {
  const auto batch = testing::replayed({{"task.sent", "{1}"}});
  EXPECT_EQ(told(*batch), "");
  EXPECT_EQ(packer().counts().filtered, 1u);
}

TEST_F(EventPackerTest, DecimatesTheHeartbeatsOfEachWorker) {
  options.worker_events = WorkerEvents::decimate;
  const auto beat = [](const char* hostname) {
    return fmt::format(
        "worker.heartbeat {{\"type\":\"worker-heartbeat\",\"hostname\":\"{}\","
        "\"timestamp\":1.5,\"freq\":10.0}}\n",
        hostname);
  };
  EXPECT_EQ(heartbeat("w1"), beat("w1"));
  EXPECT_EQ(heartbeat("w2"), beat("w2"));
  for (int i = 0; i < 4; ++i) {
    clock.advance(seconds(2));
    EXPECT_EQ(heartbeat("w1"), "");
  }
  clock.advance(seconds(2));
  EXPECT_EQ(heartbeat("w1"), beat("w1"));
  EXPECT_EQ(packer().counts().filtered, 4u);
  const std::string answer = worker_event("heartbeat", "w1", R"(, "freq": 5)");
  EXPECT_EQ(pack({{"worker.heartbeat", answer}}), beat("w1")) << "it was asked for";
  EXPECT_EQ(pack({{"worker.heartbeat", answer}}), "") << "by everybody at once";
  clock.advance(seconds(2));
  EXPECT_EQ(pack({{"worker.heartbeat", answer}}), beat("w1"));
  const std::string offline = worker_event("offline", "w1");
  EXPECT_EQ(pack({{"worker.offline", offline}}), "worker.offline " + offline + "\n");
}

TEST_F(EventPackerTest, SendsElectionsWithTheirQuorum) {
  options.worker_events = WorkerEvents::elect_only;
  const std::string elect =
      worker_event("elect", "w1",
                   R"(, "id": "i", "clock": 1, "pid": 2, "topic": "task", "action": 1, "cver": 1)");
  const std::string ack = worker_event("elect-ack", "w2", R"(, "id": "i", "clock": 2)");
  EXPECT_EQ(heartbeat("gone"), "");
  clock.advance(seconds(3));
  EXPECT_EQ(heartbeat("w1"), "");
  EXPECT_EQ(pack({{"worker.offline", worker_event("offline", "off")}}), "");
  clock.advance(seconds(1));
  const std::string all = pack({{"worker.elect", elect}});
  EXPECT_EQ(last.size(), 2u) << all;
  EXPECT_EQ(last[0].routing_key, "worker.heartbeat");
  EXPECT_EQ(last[0].hostname, "w1") << "and not of one that is gone";
  EXPECT_EQ(last[0].events, 0u) << "it was counted when it came";
  EXPECT_EQ(last[1].body, elect);
  EXPECT_EQ(pack({{"worker.elect.ack", ack}}), "worker.elect.ack " + ack + "\n");
  EXPECT_EQ(pack({{"worker.elect", elect}}), "worker.elect " + elect + "\n") << "just told";
  EXPECT_EQ(pack({{"worker.online", worker_event("online", "new")}}), "");
  pack({{"worker.elect", elect}});
  std::set<std::string> told;
  for (const PackedMessage& one : last) told.insert(one.routing_key + " of " + one.hostname);
  EXPECT_EQ(told, (std::set<std::string>{"worker.heartbeat of w1", "worker.online of new",
                                         "worker.elect of w1"}))
      << "one that came online lives, and has heard of nobody yet";
}

TEST_F(EventPackerTest, SendsNoWorkersEventsIfSo) {
  options.worker_events = WorkerEvents::none;
  EXPECT_EQ(pack({{"task.started", "{1}"},
                  {"worker.online", worker_event("online", "w1")},
                  {"task.started", "{2}"}}),
            "task.multi [{1},{2}]\n")
      << "nor does one cut a list";
}

TEST(AmqpFormat, HasWordsForTheConfiguration) {
  EXPECT_EQ(parse_amqp_format("single").value(), AmqpFormat::single);
  EXPECT_EQ(parse_worker_events("elect_only").value(), WorkerEvents::elect_only);
  EXPECT_EQ(parse_worker_events("some").error().message,
            "'some' is not one of mirror, decimate, elect_only, none");
}

}  // namespace
}  // namespace xylem
