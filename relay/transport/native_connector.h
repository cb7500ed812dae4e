#pragma once

#include <random>

#include "relay/transport/address.h"
#include "relay/transport/poller.h"

namespace xylem {

// Makes a connection to one address, and again whenever it is lost: after `reconnect_ms`, and each
// time that nothing came of it after twice as long, up to `reconnect_max_ms`.
class NativeConnector final : public Poller::Watcher {
 public:
  class Owner {
   public:
    // The descriptor of a connection that was made.
    virtual void on_made(NativeConnector& connector, int fd) = 0;

   protected:
    ~Owner() = default;
  };
  struct Pace {
    int reconnect_ms = 100;
    int reconnect_max_ms = 5'000;
  };
  NativeConnector(Address address, const Pace& pace, Poller& poller, Owner& owner);
  ~NativeConnector() override;
  NativeConnector(const NativeConnector&) = delete;
  NativeConnector& operator=(const NativeConnector&) = delete;

  // The connection was good for something; or it is lost, and is made again.
  void on_connected() { failures_ = 0; }
  void on_lost();

 private:
  void on_ready(std::uint32_t events) override;
  void on_time(Poller::Time now) override;
  void begin();
  void give_up();

  static constexpr auto kConnectMax = std::chrono::seconds(5);

  Address address_;
  Pace pace_;
  Poller& poller_;
  Owner& owner_;
  int fd_ = -1;  // under way
  Poller::Token token_ = 0;
  Poller::Alarm alarm_;
  int failures_ = 0;
  std::minstd_rand chance_{std::random_device{}()};
};

}  // namespace xylem
