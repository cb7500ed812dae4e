#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "relay/client/acked_link.h"
#include "relay/ingest/admission.h"
#include "tests/simulation/network.h"
#include "tests/simulation/oracle.h"
#include "tests/simulation/process.h"

namespace xylem::simulation {

// A client that keeps its events until a relay has acknowledged them. One thread.
class Producer final : AckedLink::Store, Admission::Refused, Admission::Outlet {
 public:
  struct Options {
    std::string name;
    std::string relay;  // its acked endpoint
    std::uint32_t worker = 0;
    AckLevel level = AckLevel::written;
    std::uint64_t source = 0;
  };
  Producer(Options options, Network& network, Oracle& oracle, const Instant& now);

  // Makes batches of so many new events.
  void draw(std::size_t events);
  std::size_t work();
  void pause(Instant until) { asleep_until_ = until; }
  void jump_clock(std::chrono::microseconds by) { clock_.jump(by); }

  [[nodiscard]] const std::string& name() const { return options_.name; }
  [[nodiscard]] const std::string& relay() const { return options_.relay; }
  [[nodiscard]] std::size_t unacked() const { return kept_.size(); }
  [[nodiscard]] std::uint64_t resent() const { return sender_.resent(); }
  [[nodiscard]] std::string describe() const;

 private:
  struct Kept {
    BatchRef batch;
    std::vector<Oracle::Id> events;
  };
  [[nodiscard]] BatchRef batch(BatchNumber number) override;
  void give_up(BatchNumber, const std::string& why) override {
    oracle_.violated("a batch of a producer was refused again and again: " + why);
  }
  void on_batch(std::unique_ptr<Batch> batch) override;
  void on_refused(Refusal, std::string_view, std::size_t) override {
    oracle_.violated("a producer's own event was refused");
  }

  Options options_;
  Oracle& oracle_;
  const Instant& now_;
  ProcessClock clock_;
  std::unique_ptr<Context> context_;
  Admission admission_;
  AckedSender sender_;
  AckedLink link_;
  std::deque<Kept> kept_;  // from the first that is not acknowledged
  BatchNumber first_kept_{1};
  std::vector<Oracle::Id> drawn_;
  Instant asleep_until_;
};

}  // namespace xylem::simulation
