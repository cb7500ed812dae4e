#include "relay/node/node.h"

#include <fmt/format.h>

#include <algorithm>

#include "relay/base/version.h"
#include "relay/node/option_table.h"

namespace xylem {
namespace {

constexpr Duration kHeartbeatAgeMax = std::chrono::seconds(5);
constexpr Duration kStallMax = std::chrono::seconds(2);
constexpr Duration kHurryInterval = std::chrono::milliseconds(50);
constexpr Duration kLateGrace =
    std::chrono::seconds(1);  // for on_stop, which the deadline cannot cut

AckedIngest::Options acked_options(const Config& config) {
  AckedIngest::Options options = config.acked;
  options.admission = config.push.admission;
  options.limits.frame_bytes_max = config.push.admission.limits.message_bytes_max;
  return options;
}

}  // namespace

std::uint64_t StopReport::events_left() const {
  std::uint64_t total = 0;
  for (const Line& line : lines) total += line.events_left;
  return total;
}

bool StopReport::any_late() const {
  return std::any_of(lines.begin(), lines.end(), [](const Line& line) { return line.late; });
}

Node::Node(Config config, const Clock& clock)
    : config_(std::move(config)),
      clock_(clock),
      epoch_{static_cast<std::uint64_t>(clock.wall_us())},
      started_(clock.now()),
      push_edge_("push", config_.ring_batches),
      acked_edge_("acked", config_.ring_batches),
      publish_edge_("publish", config_.ring_batches),
      stream_edge_("stream", config_.ring_batches),
      push_(config_.push, context_, push_edge_, clock),
      acked_(acked_options(config_), context_, acked_edge_, nullptr, clock),
      publish_(config_.publish, context_, publish_edge_),
      stream_(config_.stream, context_, stream_edge_, epoch_, clock),
      pipeline_(epoch_, clock, {&push_edge_, &acked_edge_}, {&publish_edge_, &stream_edge_}),
      http_(config_.http, *this) {
  const auto thread = [&](const char* name, std::vector<Agent*> agents) {
    threads_.push_back(std::make_unique<AgentRunner>(name, std::move(agents), clock));
  };
  if (config_.threads == 1) {
    thread("relay", {&push_, &acked_, &pipeline_, &publish_, &stream_});
  } else {
    thread("intake", {&push_, &acked_, &pipeline_});
    thread("egress", {&publish_, &stream_});
  }
  push_edge_.join(intake().doorbell(), intake().doorbell());
  acked_edge_.join(intake().doorbell(), intake().doorbell());
  publish_edge_.join(intake().doorbell(), egress().doorbell());
  stream_edge_.join(intake().doorbell(), egress().doorbell());
}

Node::~Node() {
  if (running_) static_cast<void>(stop(clock_.now(), [] { return true; }));
}

// Sinks before sources, so that nothing is accepted before it can be delivered.
Result<void> Node::start() {
  running_ = true;
  Result<void> started;
  if (&egress() != &intake()) started = egress().start();
  if (started) started = http_.start();
  if (started) started = intake().start();
  if (!started) static_cast<void>(stop(clock_.now(), [] { return true; }));
  return started;
}

std::vector<std::pair<AgentRunner*, Agent*>> Node::in_flow_order() {
  return {{&intake(), &push_},
          {&intake(), &acked_},
          {&intake(), &pipeline_},
          {&egress(), &publish_},
          {&egress(), &stream_}};
}

StopReport Node::stop(Instant deadline, const std::function<bool()>& hurry) {
  stopping_ = true;
  StopReport report;
  for (const auto& [runner, agent] : in_flow_order()) {
    if (!runner->is_running()) continue;
    runner->request_stop(*agent, deadline);
    while (!runner->wait_finished(*agent, clock_.now() + kHurryInterval)) {
      if (hurry() && clock_.now() < deadline) {
        deadline = clock_.now();
        runner->request_stop(*agent, deadline);
      }
      if (clock_.now() > deadline + kLateGrace) break;
    }
    const bool late = !runner->wait_finished(*agent, clock_.now());
    report.lines.push_back(
        {std::string(agent->name()), late ? 0 : runner->left_behind(*agent), late});
  }
  http_.stop();
  running_ = false;
  return report;
}

Result<void> Node::reload(const Config& config) {
  std::vector<std::string> fixed;
  for (const OptionRow& row : option_table()) {
    if (!row.reloadable && row.toml(config) != row.toml(config_)) fixed.emplace_back(row.key);
  }
  if (!fixed.empty()) {
    ++reloads_refused_;
    return fail(
        ErrorCode::bad_configuration,
        fmt::format("{} cannot change while running; nothing was changed", fmt::join(fixed, ", ")));
  }
  config_ = config;
  set_log_level(config_.log_level);
  stream_.set_limits(config_.stream.limits);
  ++reloads_done_;
  return {};
}

std::vector<std::pair<std::string, std::vector<Address>>> Node::endpoints() const {
  return {{"push", push_.bound()},
          {"acked", acked_.bound()},
          {"publish", publish_.bound()},
          {"stream", stream_.bound()},
          {"http", http_.bound()}};
}

Samples Node::samples() const {
  Samples samples;
  samples.push_back({Metric::build_info, 1, {{"version", std::string(kVersion)}}});
  samples.push_back({Metric::epoch, static_cast<double>(epoch_.value) / 1e6, {}});
  samples.push_back(
      {Metric::uptime, std::chrono::duration<double>(clock_.now() - started_).count(), {}});
  push_.sample(samples);
  acked_.sample(samples);
  pipeline_.sample(samples);
  push_edge_.sample(samples);
  acked_edge_.sample(samples);
  publish_edge_.sample(samples);
  stream_edge_.sample(samples);
  publish_.sample(samples, clock_.wall_us());
  stream_.sample(samples, clock_.wall_us());
  for (const auto& thread : threads_) thread->sample(samples);
  samples.push_back({Metric::reloads, static_cast<double>(reloads_done_), {{"outcome", "done"}}});
  samples.push_back(
      {Metric::reloads, static_cast<double>(reloads_refused_), {{"outcome", "refused"}}});
  return samples;
}

std::vector<Check> Node::liveness() const {
  std::vector<Check> checks;
  for (const auto& runner : threads_) {
    const double age = std::chrono::duration<double>(runner->heartbeat_age()).count();
    const bool alive = runner->heartbeat_age() < kHeartbeatAgeMax;
    checks.push_back({"thread " + runner->name(), alive,
                      alive ? "" : fmt::format("has not finished a cycle for {:.1f} s", age)});
  }
  return checks;
}

std::vector<Check> Node::readiness() const {
  std::vector<Check> checks = liveness();
  checks.push_back({"not stopping", !stopping_, stopping_ ? "the relay is draining" : ""});
  const Duration stalled = pipeline_.stalled_for(clock_.now());
  const bool flows = stalled < kStallMax;
  checks.push_back(
      {"data flows", flows,
       flows ? ""
             : fmt::format("a subscriber with the policy block has held everything up for "
                           "{:.1f} s",
                           std::chrono::duration<double>(stalled).count())});
  return checks;
}

std::vector<TapBoard::Row> Node::taps() const {
  std::vector<TapBoard::Row> rows = publish_.board().rows();
  const std::vector<TapBoard::Row> more = stream_.board().rows();
  rows.insert(rows.end(), more.begin(), more.end());
  return rows;
}

}  // namespace xylem
