// Goal    no event that Celery's Gossip or State would break on is taken for sound, and all that
//         Celery itself sends are.
// Method  by example; tests/bridge shows with real workers what they would do.

#include "relay/amqp/worker_event.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace xylem {
namespace {

constexpr const char* kHeartbeat =
    R"({"hostname": "w1@x", "utcoffset": -1, "pid": 7, "clock": 12, "freq": 2.0, "active": 0, )"
    R"("processed": 3, "loadavg": [0.5, 0.4, 0.3], "sw_ident": "py-celery", "sw_ver": "5.2.6", )"
    R"("sw_sys": "Linux", "timestamp": 1795581040.19071, "type": "worker-heartbeat"})";

std::string wrong(std::string_view key, std::string_view body) {
  const auto read = read_worker_event(key, body);
  return read ? "" : read.error();
}
// A heartbeat with one field more, or another value in it.
std::string with(std::string_view field, std::string_view value) {
  return fmt::format(
      R"({{"type": "worker-heartbeat", "hostname": "w", "timestamp": 1.5, "{}": {}}})", field,
      value);
}

TEST(WorkerEvent, TakesWhatCelerySends) {
  const auto heartbeat = read_worker_event("worker.heartbeat", kHeartbeat);
  ASSERT_TRUE(heartbeat) << heartbeat.error();
  EXPECT_EQ(heartbeat->kind, WorkerEvent::Kind::heartbeat);
  EXPECT_EQ(heartbeat->hostname, "w1@x");
  EXPECT_FALSE(heartbeat->is_answer);
  EXPECT_TRUE(read_worker_event("worker.heartbeat", with("freq", "5"))->is_answer);
  EXPECT_EQ(wrong("worker.elect", R"({"type": "worker-elect", "hostname": "w", "timestamp": 1, )"
                                  R"("id": "i", "clock": 3, "pid": 7, "topic": "task", )"
                                  R"("action": {"any": "thing"}, "cver": 1})"),
            "");
  EXPECT_EQ(wrong("worker.elect.ack", R"({"type": "worker-elect-ack", "hostname": "w", )"
                                      R"("timestamp": 1, "id": "i", "clock": 3})"),
            "");
  EXPECT_EQ(wrong("worker.heartbeat", with("freq", "5")), "") << "the answer to a wake-up";
  EXPECT_EQ(wrong("worker.heartbeat", with("loadavg", "null")), "");
  EXPECT_EQ(wrong("worker.custom", R"({"type": "worker-custom", "hostname": "w", "timestamp": 1})"),
            "");
}

TEST(WorkerEvent, RefusesWhatGossipReadsUnguarded) {
  EXPECT_EQ(wrong("worker.heartbeat", R"([{"type": "worker-heartbeat"}])"), "is no object");
  EXPECT_EQ(wrong("worker.heartbeat", R"({"hostname": "w", "timestamp": 1})"), "has no type");
  EXPECT_EQ(wrong("worker.heartbeat", R"({"type": "worker-heartbeat", "timestamp": 1})"),
            "has no hostname");
  EXPECT_EQ(wrong("worker.online", with("a", "1")), "its type is not its key's");
  EXPECT_EQ(wrong("worker.heartbeat", with("hostname", "null")),
            "hostname is not a text of 255 bytes at most");
  EXPECT_EQ(wrong("worker.heartbeat", with("hostname", R"("")")),
            "hostname is not a text of 255 bytes at most");
  EXPECT_EQ(wrong("worker.heartbeat", with("hostname", '"' + std::string(256, 'h') + '"')),
            "hostname is not a text of 255 bytes at most");
  EXPECT_EQ(wrong("worker.heartbeat", with("hostname", '"' + std::string(255, 'h') + '"')), "");
  EXPECT_EQ(wrong("worker.heartbeat", with("timestamp", R"("now")")), "timestamp is not a number");
  EXPECT_EQ(wrong("worker.heartbeat", with("clock", "null")), "clock is not a whole number");
  EXPECT_EQ(wrong("worker.heartbeat", with("clock", "1.5")), "clock is not a whole number");
  EXPECT_EQ(wrong("worker.heartbeat", with("utcoffset", R"("1")")), "utcoffset is not a number");
  EXPECT_EQ(wrong("worker.heartbeat", with("freq", "0")), "freq is not a number above 0");
  EXPECT_EQ(wrong("worker.heartbeat", with("loadavg", "[1, null]")),
            "loadavg is not a list of numbers");
  EXPECT_EQ(wrong("worker.heartbeat", with("heartbeats", "[]")), "has a field heartbeats");
  EXPECT_EQ(wrong("worker.elect.ack", R"({"type": "worker-elect-ack", "hostname": "w", )"
                                      R"("timestamp": 1, "clock": 3})"),
            "has no id");
  EXPECT_EQ(wrong("worker.elect", R"({"type": "worker-elect", "hostname": "w", "timestamp": 1, )"
                                  R"("id": ["i"], "clock": 3, "pid": 7, "topic": "task", )"
                                  R"("action": 1, "cver": 1})"),
            "id is not a text");
}

TEST(WorkerEvent, AnnouncesAnotherInterval) {
  EXPECT_EQ(with_freq(R"({"type": "worker-heartbeat", "freq": 2.0, "hostname": "w"})", 10),
            R"({"type":"worker-heartbeat","freq":10.0,"hostname":"w"})");
}

}  // namespace
}  // namespace xylem
