#pragma once

#include <deque>
#include <memory>
#include <string>
#include <utility>

#include "relay/transport/context.h"

namespace xylem::testing {

// Sockets behind which nobody keeps to any protocol: what is told comes, what is sent is gone.
class FalseRelay final : public Context {
 public:
  void tell(std::string frame) { told_.push_back(std::move(frame)); }
  void connect(bool is) { connected_ = is; }

  Result<std::unique_ptr<RawSocket>> open(SocketKind, const SocketOptions&) override {
    return std::make_unique<Its>(*this);
  }

 private:
  class Its final : public RawSocket {
   public:
    explicit Its(FalseRelay& relay) : relay_(relay) {}
    Result<Address> bind(const Address& address) override { return address; }
    Result<void> connect(const Address&) override { return {}; }
    void subscribe(std::string_view) override {}
    void refuse_when_full(bool) override {}
    void ask_whether_gone(std::string_view) override {}
    void linger(int) override {}
    bool receive(Frame& frame) override {
      if (relay_.told_.empty()) return false;
      const std::string& told = relay_.told_.front();
      message_of(frame).rebuild(told.data(), told.size());
      set_more(frame, false);
      relay_.told_.pop_front();
      return true;
    }
    SendOutcome send(Frame&, bool) override {
      return relay_.connected_ ? SendOutcome::sent : SendOutcome::full;
    }
    int fd() override { return -1; }
    bool readable() override { return !relay_.told_.empty(); }
    bool writable() override { return relay_.connected_; }

   private:
    FalseRelay& relay_;
  };

  std::deque<std::string> told_;
  bool connected_ = true;
};

}  // namespace xylem::testing
