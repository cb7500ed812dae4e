#pragma once

#include <memory>

#include "relay/transport/listening.h"
#include "relay/transport/poller.h"

namespace xylem {

// Takes connections in. One that would be one too many is left waiting in the kernel: a libzmq peer
// that is taken in and closed comes back several times a second for ever.
class NativeListener final : public Poller::Watcher {
 public:
  class Owner {
   public:
    virtual bool may_accept() const = 0;
    virtual void on_accepted(int fd) = 0;
    virtual void on_paused() = 0;

   protected:
    ~Owner() = default;
  };
  // Errors: address_in_use, io.
  [[nodiscard]] static Result<std::unique_ptr<NativeListener>> open(const Address& address,
                                                                    const IpcAccess& access,
                                                                    Poller& poller, Owner& owner);
  ~NativeListener() override;
  NativeListener(const NativeListener&) = delete;
  NativeListener& operator=(const NativeListener&) = delete;

  [[nodiscard]] const Address& address() const { return address_; }
  // A connection has ended, so that there may be room for another.
  void resume();

 private:
  NativeListener(int fd, Address address, Poller& poller, Owner& owner);
  void on_ready(std::uint32_t events) override;
  void on_time(Poller::Time now) override;
  void pause();

  [[nodiscard]] bool few_descriptors_left() const;

  static constexpr int kAcceptsPerTurn = 64;
  // Which are not for peers: files, probes and the log need some also while strangers take all.
  static constexpr int kDescriptorsKept = 32;
  static constexpr auto kRetry = std::chrono::milliseconds(100);

  int fd_;
  Address address_;
  Poller& poller_;
  Owner& owner_;
  Poller::Token token_;
  Poller::Alarm alarm_;
  bool paused_ = false;
};

}  // namespace xylem
