#pragma once

#include "relay/http/pages.h"

namespace xylem::testing {

// A relay of which there is nothing but its state.
class StateView final : public RelayView {
 public:
  explicit StateView(const cluster::SharedState* state) : state_(state) {}
  Samples samples() const override { return {}; }
  std::vector<Check> liveness() const override { return {}; }
  std::vector<Check> readiness() const override { return {}; }
  std::vector<TapBoard::Row> taps() const override { return {}; }
  const cluster::SharedState* state() const override { return state_; }

 private:
  const cluster::SharedState* state_;
};

}  // namespace xylem::testing
