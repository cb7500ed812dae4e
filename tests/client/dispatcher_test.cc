#include "relay/client/dispatcher.h"

#include <gtest/gtest.h>

#include <future>

#include "relay/client/receiver.h"
#include "tests/doubles/running_node.h"
#include "tests/doubles/sockets.h"
#include "tests/doubles/tested_engine.h"

namespace xylem {
namespace {

using testing::RunningNode;

constexpr Duration kPatience = std::chrono::seconds(10);

// A real relay, a dispatcher and a receiver of everything. `bodies(n)` waits for n events.
class DispatcherTest : public ::testing::Test {
 protected:
  DispatcherTest() {
    Receiver::Options options;
    options.relay = relay_.stream();
    receiver_ = std::make_unique<Receiver>(options, context_, relay_.clock());
    receiver_->on("*", [this](const Receiver::Event& event) {
      seen_.push_back(std::string(event.key) + " " + std::string(event.body));
    });
    EXPECT_TRUE(receiver_->open());
    while (!receiver_->is_connected())
      EXPECT_TRUE(receiver_->receive(std::chrono::milliseconds(20)));
  }

  std::unique_ptr<Dispatcher> dispatcher(Dispatcher::Options options = {}) {
    options.relay = relay_.push();
    if (options.hostname.empty()) options.hostname = "celery@test";
    return std::move(Dispatcher::open(options, context_, relay_.clock()).value());
  }
  const std::vector<std::string>& bodies(std::size_t count) {
    EXPECT_TRUE(receiver_->capture(count - seen_.size(), kPatience));
    EXPECT_EQ(seen_.size(), count);
    return seen_;
  }
  static EventFields uuid(const char* id) {
    EventFields fields;
    fields.add("uuid", id);
    return fields;
  }

  RunningNode relay_;
  Context context_{testing::tested_engine()};
  std::unique_ptr<Receiver> receiver_;
  std::vector<std::string> seen_;
};

TEST_F(DispatcherTest, SendsAnEventUnderItsKeyWithTheCommonFields) {
  const auto sender = dispatcher();
  EXPECT_EQ(sender->send("task-succeeded", uuid("u1")), Dispatcher::Sent::queued);
  const std::string event = bodies(1).front();
  EXPECT_TRUE(event.starts_with(R"(task.succeeded {"type":"task-succeeded","timestamp":)"))
      << event;
  for (const char* part : {R"("clock":1,)", R"("hostname":"celery@test")", R"("utcoffset":)",
                           R"("pid":)", R"("uuid":"u1"})"}) {
    EXPECT_NE(event.find(part), std::string::npos) << part << " in " << event;
  }
}

TEST_F(DispatcherTest, KeepsTheOrderOfOneSender) {
  const auto sender = dispatcher();
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(sender->send("a", EventFields().add("n", i)), Dispatcher::Sent::queued);
  }
  const auto& events = bodies(1000);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_NE(events[static_cast<std::size_t>(i)].find("\"n\":" + std::to_string(i) + "}"),
              std::string::npos);
  }
}

TEST_F(DispatcherTest, SendsOnlyItsGroups) {
  const auto sender =
      dispatcher({.relay = {}, .hostname = "", .groups = {"worker"}, .buffer_groups = {}});
  EXPECT_EQ(sender->send("task-sent", uuid("u1")), Dispatcher::Sent::not_enabled);
  EXPECT_EQ(sender->send("worker-online", {}), Dispatcher::Sent::queued);
  EXPECT_TRUE(bodies(1).front().starts_with("worker.online"));
}

TEST_F(DispatcherTest, IsSilentWhileDisabled) {
  const auto sender = dispatcher();
  sender->disable();
  EXPECT_EQ(sender->send("task-sent", uuid("u1")), Dispatcher::Sent::not_enabled);
  sender->enable();
  EXPECT_EQ(sender->send("task-sent", uuid("u2")), Dispatcher::Sent::queued);
  EXPECT_NE(bodies(1).front().find("u2"), std::string::npos);
}

TEST_F(DispatcherTest, BuffersAGroupUntilFlushed) {
  const auto sender =
      dispatcher({.relay = {}, .hostname = "", .groups = {}, .buffer_groups = {"task"}});
  EXPECT_EQ(sender->send("task-sent", uuid("u1")), Dispatcher::Sent::queued);
  sender->flush();
  EXPECT_EQ(bodies(1).size(), 1u);
}

TEST_F(DispatcherTest, SendsABufferedGroupByItselfWhenEnoughWait) {
  const auto sender = dispatcher(
      {.relay = {}, .hostname = "", .groups = {}, .buffer_groups = {"task"}, .buffer_events = 24});
  for (int i = 0; i < 24; ++i) static_cast<void>(sender->send("task-sent", uuid("u")));
  EXPECT_EQ(bodies(24).size(), 24u);
}

TEST_F(DispatcherTest, MovesItsClockForwardLikeLamports) {
  const auto sender = dispatcher();
  EXPECT_EQ(sender->adjust(41), 42u);
  EXPECT_EQ(sender->adjust(7), 43u) << "an older clock only counts as one more event";
  static_cast<void>(sender->send("task-sent", uuid("u1")));
  EXPECT_NE(bodies(1).front().find(R"("clock":44,)"), std::string::npos);
}

TEST_F(DispatcherTest, BeatsWithOnlineFirstAndOfflineLast) {
  auto sender = dispatcher();
  sender->start_heart(std::chrono::milliseconds(20),
                      [](EventFields& fields) { fields.add("active", 3); });
  bodies(3);
  EXPECT_EQ(sender->close(kPatience), 0u);
  while (!seen_.back().starts_with("worker.offline")) {
    const auto more = receiver_->capture(1, kPatience);
    ASSERT_TRUE(more && *more == 1);
  }
  EXPECT_TRUE(seen_[0].starts_with("worker.online")) << seen_[0];
  EXPECT_TRUE(seen_[1].starts_with("worker.heartbeat")) << seen_[1];
  EXPECT_NE(seen_[1].find(R"("freq":0.02,)"), std::string::npos) << seen_[1];
  EXPECT_NE(seen_[1].find(R"("active":3)"), std::string::npos) << seen_[1];
}

// A relay that does not read while its sender closes. What arrives is not counted here: libzmq's
// receiver drops what the kernel holds for it if its sender leaves while its own queue is full.
TEST(DispatcherClose, GivesARelayThatIsHeldUpItsPatience) {
  constexpr int kEvents = 4000;  // 4 MB, more than fits between the two sockets
  testing::TempDir folder;
  Context context{testing::tested_engine()};
  Socket relay(context, SocketKind::pull, {.receive_hwm = 1});
  const Address address = relay.bind(folder.ipc("push")).value();
  std::promise<void> connected;
  auto ended = std::async(std::launch::async, [&] {
    const SystemClock clock;
    Context own;
    Dispatcher::Options options;
    options.relay = address;
    const auto sender = std::move(Dispatcher::open(options, own, clock).value());
    EXPECT_EQ(sender->send_json("a", R"({"type":"a"})", 0), Dispatcher::Sent::queued);
    connected.get_future().wait();
    for (int n = 0; n < kEvents; ++n) {
      const std::string body =
          R"({"type":"a","n":")" + std::string(1000, static_cast<char>('a' + n % 26)) + "\"}";
      EXPECT_EQ(sender->send_json("a", body, 0), Dispatcher::Sent::queued);
    }
    EXPECT_EQ(sender->close(kPatience), 0u);
  });
  Frame frame;
  ASSERT_TRUE(testing::receive_soon(relay, frame));
  connected.set_value();
  EXPECT_EQ(ended.wait_for(std::chrono::seconds(1)), std::future_status::timeout);
  while (ended.wait_for(std::chrono::milliseconds(1)) != std::future_status::ready) {
    while (relay.receive(frame)) {
    }
  }
}

// Trying again helps where the outbox is full, and never here.
TEST_F(DispatcherTest, RefusesAnEventThatNoRelayWouldTake) {
  const auto sender = dispatcher();
  EventFields large;
  large.add("result", std::string(65 << 10, 'x'));
  EXPECT_EQ(sender->send("task-succeeded", large), Dispatcher::Sent::refused);
  EXPECT_EQ(sender->send("", {}), Dispatcher::Sent::refused);
  EXPECT_EQ(sender->send("task-\n", {}), Dispatcher::Sent::refused);
  for (const char* common : {"type", "timestamp", "hostname", "utcoffset", "pid", "clock"}) {
    EventFields twice;
    twice.add(common, "x");
    EXPECT_EQ(sender->send("task-sent", twice), Dispatcher::Sent::refused) << common;
  }
  EXPECT_EQ(sender->figures().dropped, 9u);
  EXPECT_EQ(sender->figures().offered, 9u);
}

TEST_F(DispatcherTest, SaysThatTheOutboxIsFullAndNotThatTheEventIsWrong) {
  Dispatcher::Options options;
  options.relay = testing::address("ipc:///tmp/xylem-test-nobody-listens-here");
  options.waiting_bytes_max = 4096;
  const auto sender = std::move(Dispatcher::open(options, context_, relay_.clock()).value());
  auto sent = Dispatcher::Sent::queued;
  for (int n = 0; n < 100 && sent == Dispatcher::Sent::queued; ++n) {
    EventFields fields;  // each unlike the one before, or only the difference would be kept
    fields.add("result", std::string(1000, static_cast<char>('a' + n % 26)));
    sent = sender->send("task-succeeded", fields);
  }
  EXPECT_EQ(sent, Dispatcher::Sent::full);
}

}  // namespace
}  // namespace xylem
