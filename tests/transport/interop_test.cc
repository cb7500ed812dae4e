// Goal    sockets of either engine understand those of the other: every size and number of frames,
//         whichever side is there first, also after the listening side was another.
// Method  both ends in this thread, over TCP and ipc in turn; whoever waits for one end lets the
//         other get on too, since native sockets have no thread of their own.

#include <gtest/gtest.h>
#include <poll.h>

#include <string>
#include <tuple>
#include <vector>

#include "relay/base/clock.h"
#include "relay/transport/socket.h"
#include "tests/doubles/sockets.h"

namespace xylem {
namespace {

using Engine = Context::Engine;
using Message = std::vector<std::string>;

class Interop : public ::testing::TestWithParam<std::tuple<Engine, Engine>> {
 protected:
  [[nodiscard]] Socket listening(SocketKind kind, const SocketOptions& options = {}) {
    return Socket(std::move(there_.open(kind, options).value()));
  }
  [[nodiscard]] Socket connecting(SocketKind kind, const SocketOptions& options = {}) {
    return Socket(std::move(here_.open(kind, options).value()));
  }
  // A moment in which both ends may get on.
  static void let_get_on(Socket& a, Socket& b) {
    for (Socket* each : {&a, &b}) {
      static_cast<void>(each->writable());
      if (each->readable()) return;
    }
    pollfd waits[]{{a.fd(), POLLIN, 0}, {b.fd(), POLLIN, 0}};
    ::poll(waits, 2, 10);
  }
  // False once nobody has any more patience.
  [[nodiscard]] bool goes_on() const { return clock_.now() < patience_ends_; }

  [[nodiscard]] bool send(Socket& from, Socket& to, const Message& message) {
    for (std::size_t i = 0; i < message.size(); ++i) {
      Frame frame{std::string_view(message[i])};
      while (from.send(frame, i + 1 < message.size()) != SendOutcome::sent) {
        if (!goes_on()) return false;
        let_get_on(from, to);
      }
    }
    from.flush();
    return true;
  }
  [[nodiscard]] Message receive(Socket& at, Socket& from) {
    Message message;
    for (Frame frame; goes_on();) {
      if (!at.receive(frame)) {
        let_get_on(at, from);
        continue;
      }
      message.emplace_back(frame.text());
      if (!frame.more()) return message;
    }
    ADD_FAILURE() << "nothing comes";
    return {};
  }

  testing::TempDir dir_;
  SystemClock clock_;
  Instant patience_ends_ = clock_.now() + std::chrono::seconds(20);
  Context there_{std::get<0>(GetParam())};
  Context here_{std::get<1>(GetParam())};
};

Message of_sizes(std::initializer_list<std::size_t> sizes) {
  Message message;
  for (const std::size_t size : sizes)
    message.emplace_back(size, static_cast<char>('a' + size % 26));
  return message;
}

TEST_P(Interop, PushAndPullCarryFramesOfEverySizeAndNumber) {
  Socket pull = listening(SocketKind::pull);
  Socket push = connecting(SocketKind::push);
  ASSERT_TRUE(push.connect(pull.bind(Address::parse("tcp://127.0.0.1:0").value()).value()));
  std::vector<Message> messages;
  for (const std::size_t size : {0, 1, 254, 255, 256, 257, 8'191, 8'192, 8'193, 65'535, 65'536,
                                 131'071, 131'073, 262'143, 262'144, 262'145, 1 << 20}) {
    messages.push_back(of_sizes({size}));
    messages.push_back(of_sizes({1, size, 3}));
  }
  for (std::size_t frames = 1; frames <= 64; ++frames) messages.emplace_back(frames, "frame");
  for (const Message& message : messages) {
    ASSERT_TRUE(send(push, pull, message));
    ASSERT_EQ(receive(pull, push), message);
  }
}

TEST_P(Interop, ADealerAndARouterAnswerEachOther) {
  Socket router = listening(SocketKind::router);
  Socket dealer = connecting(SocketKind::dealer);
  ASSERT_TRUE(router.bind(dir_.ipc("router")));
  ASSERT_TRUE(dealer.connect(dir_.ipc("router")));
  for (const std::size_t size : {0, 10, 300, 100'000, 1 << 20}) {
    ASSERT_TRUE(send(dealer, router, of_sizes({size, 2})));
    Message message = receive(router, dealer);
    ASSERT_EQ(message.size(), 3u);
    ASSERT_TRUE(send(router, dealer, message));
    EXPECT_EQ(receive(dealer, router), of_sizes({size, 2}));
  }
}

TEST_P(Interop, ASubscriberGetsWhatItAskedForBeforeAndAfterItWasConnected) {
  Socket publisher = listening(SocketKind::xpub);
  Socket subscriber = connecting(SocketKind::sub);
  ASSERT_TRUE(subscriber.subscribe("before"));
  ASSERT_TRUE(subscriber.connect(dir_.ipc("xpub")));
  ASSERT_TRUE(publisher.bind(dir_.ipc("xpub")));
  EXPECT_EQ(receive(publisher, subscriber), Message{"\1before"});
  ASSERT_TRUE(subscriber.subscribe("after"));
  EXPECT_EQ(receive(publisher, subscriber), Message{"\1after"});
  for (const char* key : {"neither", "before it", "after it"}) {
    ASSERT_TRUE(send(publisher, subscriber, {key, std::string(100'000, 'x')}));
  }
  EXPECT_EQ(receive(subscriber, publisher)[0], "before it");
  EXPECT_EQ(receive(subscriber, publisher)[0], "after it");
}

TEST_P(Interop, WhoConnectsFirstOrAgainIsFound) {
  Socket push = connecting(SocketKind::push, {.immediate = true, .reconnect_ms = 10});
  ASSERT_TRUE(push.connect(dir_.ipc("pull")));
  for (int life = 0; life < 3; ++life) {
    Socket pull = listening(SocketKind::pull);
    ASSERT_TRUE(pull.bind(dir_.ipc("pull")));
    // What the life before had taken is lost with it, and said anew.
    const std::string said = "life " + std::to_string(life);
    ASSERT_TRUE(send(push, pull, {said}));
    for (Frame frame; goes_on();) {
      if (pull.receive(frame)) break;
      ASSERT_TRUE(send(push, pull, {said}));
      let_get_on(pull, push);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Engines, Interop,
                         ::testing::Combine(::testing::Values(Engine::native, Engine::libzmq),
                                            ::testing::Values(Engine::native, Engine::libzmq)),
                         [](const auto& tested) {
                           return std::string(name_of(std::get<0>(tested.param))) + "_and_" +
                                  std::string(name_of(std::get<1>(tested.param)));
                         });

}  // namespace
}  // namespace xylem
