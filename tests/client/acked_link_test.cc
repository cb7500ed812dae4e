// Goal    over real sockets a source's batches arrive once and in order, whatever becomes of the
//         relay and the connection in between.
// Method  a link on the test's own thread, relays that come and go at the same address.

#include "relay/client/acked_link.h"

#include <gtest/gtest.h>
#include <poll.h>

#include "relay/codec/batch_codec.h"
#include "tests/doubles/batches.h"
#include "tests/doubles/running_node.h"
#include "tests/doubles/sockets.h"
#include "tests/doubles/tested_engine.h"

namespace xylem {
namespace {

using testing::RunningNode;

class AckedLinkTest : public ::testing::Test, public AckedLink::Store {
 protected:
  void connect(const Address& relay, AckLevel level = AckLevel::received) {
    AckedLink::Options options{.relay = relay, .name = "test", .source = {95}, .level = level};
    options.silence_max = std::chrono::seconds(2);
    link.emplace(options, context, sender, *this, clock);
  }
  void offer(std::size_t batches) {
    for (; batches != 0; --batches) {
      const std::string body = fmt::format(R"({{"type":"task-sent","n":{}}})", kept.size() + 1);
      auto batch = testing::batch_of({{"task.sent", body}});
      batch->stamp_for_link({95}, {kept.size() + 1});
      kept.emplace_back(std::move(batch));
      static_cast<void>(sender.offer(kept.back()->frame().size()));
    }
  }
  BatchRef batch(BatchNumber number) override { return kept.at(number.value - 1); }
  void give_up(BatchNumber number, const std::string&) override {
    given_up.push_back(number.value);
    auto empty = write_batch({});
    empty->stamp_for_link({95}, number);
    kept.at(number.value - 1) = BatchRef(std::move(empty));
  }
  // Works until everything offered is acknowledged.
  template <class Done>
  [[nodiscard]] bool work_until(Done done) {
    const Instant deadline = clock.now() + std::chrono::seconds(20);
    while (!done()) {
      if (clock.now() > deadline) return false;
      if (link->do_work(clock.now()) != 0 || link->has_work()) continue;
      pollfd wait{link->fd(), POLLIN, 0};
      ::poll(&wait, link->fd() >= 0 ? 1 : 0, 20);
    }
    return true;
  }
  [[nodiscard]] bool all_acked() {
    return work_until([&] { return sender.unacked_batches() == 0; });
  }

  SystemClock clock;
  Context context{testing::tested_engine()};
  AckedSender sender{{}};
  std::vector<BatchRef> kept;
  std::vector<std::uint64_t> given_up;
  std::optional<AckedLink> link;
};

TEST_F(AckedLinkTest, EveryBatchIsAcknowledgedAndArrives) {
  RunningNode relay;
  connect(relay.acked());
  offer(1000);
  ASSERT_TRUE(all_acked());
  EXPECT_EQ(relay.sampled(Metric::source_accepted), 1000);
  EXPECT_EQ(relay.sampled(Metric::acked_duplicates), 0);
}

TEST_F(AckedLinkTest, WaitsForARelayThatIsNotThere) {
  const testing::TempDir folder;
  connect(folder.ipc("acked"));
  offer(1);
  for (int turns = 0; turns < 10; ++turns) static_cast<void>(link->do_work(clock.now()));
  EXPECT_EQ(sender.unacked_batches(), 1u);
  EXPECT_FALSE(link->is_welcome());
}

TEST_F(AckedLinkTest, FindsTheNextRelayAtTheSameAddressAndSendsAgainWhatWasNotAcknowledged) {
  const testing::TempDir folder;
  Config config;
  config.acked.listen = {folder.ipc("acked")};
  std::optional<RunningNode> relay;
  relay.emplace(config);
  connect(config.acked.listen[0]);
  offer(10);
  ASSERT_TRUE(all_acked());
  relay.reset();
  offer(10);
  relay.emplace(config);
  ASSERT_TRUE(all_acked());
  EXPECT_EQ(relay->sampled(Metric::source_accepted), 10);
  EXPECT_GE(link->connections(), 2u);
}

// The Hello which said that batches were skipped can have been lost with a connection.
TEST_F(AckedLinkTest, SaysHelloAgainToARelayThatMissesWhatItWillNeverSend) {
  const testing::TempDir folder;
  Context other;
  Socket relay(other, SocketKind::router, {});
  connect(relay.bind(folder.ipc("acked")).value());
  Frame peer;
  Frame said;
  const auto hears_hello = [&] {
    const bool came = work_until([&] { return relay.receive(peer); });
    return came && relay.receive(said) &&
           std::holds_alternative<SourceHello>(read_control(said.bytes()).value());
  };
  const auto answers = [&](const Control& control) {
    Frame identity(peer.text());
    Frame frame(write_control(control));
    const bool sent =
        relay.send(identity, true) == SendOutcome::sent && relay.send(frame) == SendOutcome::sent;
    relay.flush();
    return sent;
  };
  ASSERT_TRUE(hears_hello());
  const std::string connection(peer.text());
  ASSERT_TRUE(answers(SourceWelcome{kAckedProtocol, 7, {0}, 1 << 20, 1 << 20, 1000}));
  ASSERT_TRUE(work_until([&] { return link->is_welcome(); }));
  offer(1);
  ASSERT_TRUE(work_until([&] { return relay.receive(peer) && relay.receive(said); }));
  ASSERT_TRUE(answers(Ack{7, {1}, {1}}));
  EXPECT_TRUE(hears_hello());
  EXPECT_EQ(peer.text(), connection) << "not only once it has been silent for so long";
}

TEST_F(AckedLinkTest, SaysWhyARelayRefusedItAndTriesAgain) {
  RunningNode relay;
  connect(relay.acked(), AckLevel::synced);
  offer(1);
  ASSERT_TRUE(work_until([&] { return !link->refusal().empty(); }));
  EXPECT_EQ(link->refusal(),
            "acks at 'synced' take a spool, and this relay has none; it can acknowledge at "
            "'received'");
  EXPECT_EQ(link->fd(), -1);
}

TEST_F(AckedLinkTest, MakesANewConnectionWhenThePeerIsNoRelay) {
  const testing::TempDir folder;
  Context other;
  std::optional<Socket> nobody;
  nobody.emplace(other, SocketKind::pull, SocketOptions{});  // not a partner for a dealer
  const Address place = nobody->bind(folder.ipc("acked")).value();
  connect(place);
  offer(1);
  const Instant until = clock.now() + std::chrono::milliseconds(300);
  ASSERT_TRUE(work_until([&] { return clock.now() > until; }));
  nobody.reset();
  Config config;
  config.acked.listen = {place};
  RunningNode relay(config);
  EXPECT_TRUE(all_acked());
}

}  // namespace
}  // namespace xylem
