#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>

#include "relay/base/clock.h"
#include "relay/node/node.h"
#include "tests/doubles/tested_engine.h"

namespace xylem::testing {

inline Address address(const std::string& text) { return Address::parse(text).value(); }

// The system's clocks, of which somebody may set the wall's.
class SettableClock final : public Clock {
 public:
  [[nodiscard]] Instant now() const override { return system_.now(); }
  [[nodiscard]] std::int64_t wall_us() const override { return system_.wall_us() + wrong_us_; }
  void set_wall(std::chrono::microseconds by) { wrong_us_ += by.count(); }

 private:
  SystemClock system_;
  std::atomic<std::int64_t> wrong_us_{0};
};

// A relay in this process, on sockets in a folder of its own. The ledger is checked when it goes.
class RunningNode {
 public:
  // `stream` overrides where it listens for stream subscribers, to stand in for a relay that is
  // gone.
  explicit RunningNode(Config config = {}, std::optional<Address> stream = {})
      : node_(Node::open(with_our_sockets(std::move(config), stream), clock_).value()) {
    const auto started = node_->start();
    if (!started) throw std::runtime_error(started.error().message);
  }
  ~RunningNode() {
    for (const TapBoard::Row& row : node_->taps()) {
      EXPECT_TRUE(row.figures.ledger.balances()) << row.sink << " " << row.name;
    }
    static_cast<void>(node_->stop(clock_.now() + std::chrono::seconds(5), [] { return false; }));
    std::filesystem::remove_all(folder_);
  }
  RunningNode(const RunningNode&) = delete;
  RunningNode& operator=(const RunningNode&) = delete;

  [[nodiscard]] Address push() const { return at("push"); }
  [[nodiscard]] Address acked() const { return at("acked"); }
  [[nodiscard]] Address stream() const { return at("stream"); }
  [[nodiscard]] Node& node() { return *node_; }
  [[nodiscard]] const Clock& clock() const { return clock_; }
  void set_wall(std::chrono::microseconds by) { clock_.set_wall(by); }
  [[nodiscard]] double sampled(Metric metric) const {
    double sum = 0;
    for (const Sample& sample : node_->samples()) sum += sample.metric == metric ? sample.value : 0;
    return sum;
  }

 private:
  [[nodiscard]] Address at(const char* endpoint) const {
    return address("ipc://" + folder_ + "/" + endpoint);
  }
  Config with_our_sockets(Config config, const std::optional<Address>& stream) {
    std::string form = (std::filesystem::temp_directory_path() / "xylem-test-XXXXXX").string();
    folder_ = ::mkdtemp(form.data());
    config.engine = tested_engine();
    config.push.listen = {at("push")};
    if (config.acked.listen == Config().acked.listen) config.acked.listen = {at("acked")};
    config.publish.listen = {at("publish")};
    config.stream.listen = {stream.value_or(at("stream"))};
    if (stream)
      std::filesystem::create_directories(std::filesystem::path(stream->host()).parent_path());
    config.http.listen = {};
    return config;
  }

  SettableClock clock_;
  std::string folder_;
  std::unique_ptr<Node> node_;
};

}  // namespace xylem::testing
