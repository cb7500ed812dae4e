// Goal    a socket says what came of each call and keeps its options, with either engine; what
//         libzmq does inside is not tested again here.
// Method  two ends in one process over ipc in a directory of the test's own. Nothing sleeps: a test
//         waits on the descriptor that the agents wait on.

#include "relay/transport/socket.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "tests/doubles/batches.h"
#include "tests/doubles/sockets.h"

namespace xylem {
namespace {

using testing::message_of;
using testing::send_soon;

class SocketTest : public ::testing::TestWithParam<Context::Engine> {
 protected:
  static Address tcp(std::string_view port = "0") {
    return Address::parse("tcp://127.0.0.1:" + std::string(port)).value();
  }
  testing::TempDir dir;
  Context context{GetParam()};
};

TEST_P(SocketTest, CarriesMessagesOfSeveralFramesOverIpc) {
  Socket pull(context, SocketKind::pull, {});
  ASSERT_EQ(pull.bind(dir.ipc("push")).value(), dir.ipc("push"));
  Socket push(context, SocketKind::push, {});
  ASSERT_TRUE(push.connect(dir.ipc("push")));
  ASSERT_EQ(send_soon(push, {"task.sent", "{}"}), SendOutcome::sent);
  ASSERT_EQ(send_soon(push, {"alone"}), SendOutcome::sent);
  EXPECT_EQ(message_of(pull), "task.sent|{}");
  EXPECT_EQ(message_of(pull), "alone");
}

// Small and large, because the one is else copied and the other sent from where it lies.
TEST_P(SocketTest, CountsWhatItHasOfEachPeerAndOfAll) {
  const auto of_one = std::make_shared<InPipes>();
  of_one->all = std::make_shared<InPipes>();
  const auto other = std::make_shared<InPipes>();
  other->all = of_one->all;
  Socket push(context, SocketKind::push, {});
  ASSERT_TRUE(push.connect(dir.ipc("push")));
  std::uint64_t bytes = 0;
  for (const std::size_t body : {std::size_t{10}, std::size_t{100} << 10}) {
    const BatchRef batch = testing::stamped(testing::batch_of("a", 1, body), 1);
    Frame frame(batch, of_one);
    ASSERT_EQ(push.send(frame), SendOutcome::sent);
    bytes += batch->frame().size();
  }
  { const Frame never_sent(testing::stamped(testing::batch_of("a", 1), 1), other); }
  EXPECT_EQ(of_one->bytes, bytes);
  EXPECT_EQ(other->bytes, 0u);
  EXPECT_EQ(of_one->all->bytes, bytes);
  Socket pull(context, SocketKind::pull, {});
  ASSERT_TRUE(pull.bind(dir.ipc("push")));
  static_cast<void>(message_of(pull));
  static_cast<void>(message_of(pull));
  while (of_one->bytes != 0) std::this_thread::yield();  // libzmq's thread counts down
  EXPECT_EQ(of_one->all->bytes, 0u);
}

TEST_P(SocketTest, TellsThePortThatTheSystemChose) {
  Socket pull(context, SocketKind::pull, {});
  const auto bound = pull.bind(tcp());
  ASSERT_TRUE(bound);
  EXPECT_NE(bound->port(), 0);
  Socket push(context, SocketKind::push, {});
  ASSERT_TRUE(push.connect(*bound));
  ASSERT_EQ(send_soon(push, {"x"}), SendOutcome::sent);
  EXPECT_EQ(message_of(pull), "x");
}

TEST_P(SocketTest, SaysThatAnAddressIsInUse) {
  Socket first(context, SocketKind::pull, {});
  const Address bound = first.bind(tcp()).value();
  Socket second(context, SocketKind::pull, {});
  const auto refused = second.bind(bound);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::address_in_use);
  EXPECT_NE(refused.error().message.find(bound.text()), std::string::npos);
}

TEST_P(SocketTest, SaysThatAnAddressCannotBeBound) {
  Socket pull(context, SocketKind::pull, {});
  const auto nowhere = Address::parse("ipc://" + dir.path() + "/missing/socket").value();
  EXPECT_EQ(pull.bind(nowhere).error().code, ErrorCode::io);
  EXPECT_EQ(pull.bind(Address::parse("tcp://not-an-interface:0").value()).error().code,
            ErrorCode::io);
}

TEST_P(SocketTest, GivesAnIpcSocketItsModeBeforeAnybodyConnects) {
  context.give_ipc({.mode = 0606, .group = ::getgid()});
  Socket pull(context, SocketKind::pull, {});
  ASSERT_TRUE(pull.bind(dir.ipc("push")));
  struct stat status {};
  ASSERT_EQ(::stat(dir.ipc("push").host().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0606u);
  EXPECT_EQ(status.st_gid, ::getgid());
  Socket push(context, SocketKind::push, {});
  ASSERT_TRUE(push.connect(dir.ipc("push")));
  ASSERT_EQ(send_soon(push, {"x"}), SendOutcome::sent);
  EXPECT_EQ(message_of(pull), "x");
}

TEST_P(SocketTest, ListensOnSeveralAddressesOfBothKinds) {
  Socket pull(context, SocketKind::pull, {});
  ASSERT_TRUE(pull.bind(dir.ipc("one")));
  const Address second = pull.bind(tcp()).value();
  ASSERT_TRUE(pull.bind(dir.ipc("three")));
  for (const Address& at : {dir.ipc("one"), second, dir.ipc("three")}) {
    Socket push(context, SocketKind::push, {});
    ASSERT_TRUE(push.connect(at));
    ASSERT_EQ(send_soon(push, {at.text()}), SendOutcome::sent);
    EXPECT_EQ(message_of(pull), at.text());
  }
}

TEST_P(SocketTest, ConnectsNowhereThatCannotBeOneRelay) {
  Socket push(context, SocketKind::push, {});
  for (const char* text : {"tcp://*:7600", "tcp://127.0.0.1:0", "http://127.0.0.1:7680"}) {
    EXPECT_EQ(push.connect(Address::parse(text).value()).error().code, ErrorCode::bad_address);
  }
}

TEST_P(SocketTest, HasNothingToReceiveUntilSomethingCame) {
  Socket pull(context, SocketKind::pull, {});
  ASSERT_TRUE(pull.bind(dir.ipc("push")));
  Frame frame;
  EXPECT_FALSE(pull.receive(frame));
  EXPECT_FALSE(pull.readable());
}

TEST_P(SocketTest, KeepsAFrameThatItHasNoRoomFor) {
  Socket push(context, SocketKind::push, {});
  Frame frame(std::string_view("kept"));
  EXPECT_EQ(push.send(frame), SendOutcome::full) << "nobody is connected";
  EXPECT_EQ(frame.text(), "kept");
}

TEST_P(SocketTest, SaysThatAPeerIsUnreachable) {
  Socket router(context, SocketKind::router, {});
  Frame identity(std::string_view("nobody"));
  EXPECT_EQ(router.send(identity, true), SendOutcome::unreachable);
}

TEST_P(SocketTest, AnswersADealerThroughItsIdentity) {
  Socket router(context, SocketKind::router, {});
  ASSERT_TRUE(router.bind(dir.ipc("stream")));
  Socket dealer(context, SocketKind::dealer, {});
  ASSERT_TRUE(dealer.connect(dir.ipc("stream")));
  ASSERT_EQ(send_soon(dealer, {"hello"}), SendOutcome::sent);
  Frame identity;
  ASSERT_TRUE(testing::receive_soon(router, identity));
  EXPECT_TRUE(identity.more());
  EXPECT_EQ(message_of(router), "hello");
  ASSERT_EQ(send_soon(router, {identity.text(), "welcome"}), SendOutcome::sent);
  EXPECT_EQ(message_of(dealer), "welcome");
}

TEST_P(SocketTest, GivesASubscriberWhatItsPrefixMatches) {
  Socket xpub(context, SocketKind::xpub, {});
  ASSERT_TRUE(xpub.bind(dir.ipc("publish")));
  Socket sub(context, SocketKind::sub, {});
  ASSERT_TRUE(sub.connect(dir.ipc("publish")));
  ASSERT_TRUE(sub.subscribe("task."));
  EXPECT_EQ(message_of(xpub), std::string("\x01") + "task.");
  ASSERT_EQ(send_soon(xpub, {"worker.online", "1"}), SendOutcome::sent);
  ASSERT_EQ(send_soon(xpub, {"task.sent", "2"}), SendOutcome::sent);
  EXPECT_EQ(message_of(sub), "task.sent|2");
}

TEST_P(SocketTest, DoubtsACancelOfAPrefixThatSomebodyStillHas) {
  if (GetParam() == Context::Engine::native) GTEST_SKIP() << "it passes on none that is to be";
  const std::string add = std::string("\x01") + "task.", cancel = std::string(1, '\0') + "task.";
  Socket xpub(context, SocketKind::xpub, {});
  ASSERT_TRUE(xpub.bind(dir.ipc("publish")));
  Socket sub(context, SocketKind::sub, {});
  ASSERT_TRUE(sub.connect(dir.ipc("publish")));
  ASSERT_TRUE(sub.subscribe("task."));
  Frame said;
  ASSERT_TRUE(testing::receive_soon(xpub, said));
  EXPECT_EQ(said.text(), add);
  EXPECT_TRUE(said.has_peer());

  xpub.ask_whether_gone("task.");
  EXPECT_FALSE(xpub.receive(said)) << "it is not";
  xpub.ask_whether_gone("worker.");
  ASSERT_TRUE(testing::receive_soon(xpub, said));
  ASSERT_TRUE(testing::receive_soon(xpub, said));
  EXPECT_EQ(said.text(), std::string(1, '\0') + "worker.");
  EXPECT_FALSE(said.has_peer());

  ASSERT_EQ(send_soon(xpub, {"task.sent", "1"}), SendOutcome::sent);
  EXPECT_EQ(message_of(sub), "task.sent|1");
}

// With refuse_when_full an event is lost only knowingly.
TEST_P(SocketTest, SaysThatASubscriberIsFullWhenToldTo) {
  Socket xpub(context, SocketKind::xpub, {.send_hwm = 1});
  ASSERT_TRUE(xpub.bind(dir.ipc("publish")));
  xpub.refuse_when_full(true);
  Socket sub(context, SocketKind::sub, {.receive_hwm = 1});
  ASSERT_TRUE(sub.connect(dir.ipc("publish")));
  ASSERT_TRUE(sub.subscribe(""));
  ASSERT_EQ(message_of(xpub), "\x01");
  const std::string large(1 << 16, 'x');
  SendOutcome outcome = SendOutcome::sent;
  for (int i = 0; i < 10'000 && outcome == SendOutcome::sent; ++i) {
    Frame frame{std::string_view(large)};
    outcome = xpub.send(frame);
  }
  EXPECT_EQ(outcome, SendOutcome::full);
  xpub.refuse_when_full(false);
  Frame frame(std::string_view("dropped for whom it does not fit"));
  EXPECT_EQ(xpub.send(frame), SendOutcome::sent);
}

TEST_P(SocketTest, CutsOffAPeerThatSendsLargerFramesThanAllowed) {
  Socket pull(context, SocketKind::pull, {.frame_bytes_max = 100});
  ASSERT_TRUE(pull.bind(dir.ipc("push")));
  Socket push(context, SocketKind::push, {});
  ASSERT_TRUE(push.connect(dir.ipc("push")));
  ASSERT_EQ(send_soon(push, {std::string(101, 'x')}), SendOutcome::sent);
  Socket other(context, SocketKind::push, {});
  ASSERT_TRUE(other.connect(dir.ipc("push")));
  ASSERT_EQ(send_soon(other, {std::string(100, 'y')}), SendOutcome::sent);
  EXPECT_EQ(message_of(pull), std::string(100, 'y'));
}

// Small frames are copied, large ones sent from where the batch lies; either way it must live on.
TEST_P(SocketTest, SendsABatchThatNobodyElseHolds) {
  Socket pull(context, SocketKind::pull, {});
  ASSERT_TRUE(pull.bind(dir.ipc("push")));
  Socket push(context, SocketKind::push, {});
  ASSERT_TRUE(push.connect(dir.ipc("push")));
  for (const std::size_t body_bytes : {10u, 200'000u}) {
    BatchRef batch = testing::stamped(testing::batch_of("a", 1, body_bytes), 1);
    const std::string expected(reinterpret_cast<const char*>(batch->frame().data()),
                               batch->frame().size());
    Frame frame(batch);
    batch = {};
    SendOutcome outcome = push.send(frame);
    while (outcome == SendOutcome::full && testing::await(push)) outcome = push.send(frame);
    ASSERT_EQ(outcome, SendOutcome::sent);
    EXPECT_TRUE(message_of(pull) == expected);
  }
}

TEST_P(SocketTest, KnowsWhereATcpFrameCameFromAndNothingOverIpc) {
  for (const Address& at : {tcp(), dir.ipc("push")}) {
    Socket pull(context, SocketKind::pull, {});
    const Address bound = pull.bind(at).value();
    Socket push(context, SocketKind::push, {});
    ASSERT_TRUE(push.connect(bound));
    ASSERT_EQ(send_soon(push, {"x"}), SendOutcome::sent);
    Frame frame;
    ASSERT_TRUE(testing::receive_soon(pull, frame));
    EXPECT_EQ(frame.peer_address(), at.scheme() == Address::Scheme::tcp ? "127.0.0.1" : "");
  }
}

std::string engine_name(const ::testing::TestParamInfo<Context::Engine>& engine) {
  return engine.param == Context::Engine::native ? "native" : "libzmq";
}
INSTANTIATE_TEST_SUITE_P(Engines, SocketTest,
                         ::testing::Values(Context::Engine::libzmq, Context::Engine::native),
                         engine_name);

TEST(SocketDeathTest, AbortsOnAThreadThatDidNotMakeIt) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        Context own;
        Socket pull(own, SocketKind::pull, {});
        std::thread([&] {
          Frame frame;
          static_cast<void>(pull.receive(frame));
        }).join();
      },
      "a socket stays on the thread that made it");
}

}  // namespace
}  // namespace xylem
