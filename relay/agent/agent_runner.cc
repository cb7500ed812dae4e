#include "relay/agent/agent_runner.h"

#include <poll.h>
#include <pthread.h>

#include <algorithm>

#include "relay/base/check.h"

namespace xylem {
namespace {

constexpr auto kOrder = std::memory_order_relaxed;

std::chrono::steady_clock::time_point steady(Instant at) {
  return std::chrono::steady_clock::time_point(
      std::chrono::duration_cast<std::chrono::steady_clock::duration>(at.since_boot));
}

}  // namespace

AgentRunner::AgentRunner(std::string name, std::vector<Agent*> agents, const Clock& clock,
                         Duration sleep_max)
    : name_(std::move(name)), clock_(clock), sleep_max_(sleep_max) {
  for (Agent* agent : agents) {
    slots_.push_back(std::make_unique<Slot>());
    slots_.back()->agent = agent;
  }
}

AgentRunner::~AgentRunner() {
  if (!thread_.joinable()) return;
  for (const auto& slot : slots_) request_stop(*slot->agent, clock_.now());
  thread_.join();
}

Result<void> AgentRunner::start() {
  thread_ = std::jthread([this](std::stop_token stop) { run(std::move(stop)); });
  ::pthread_setname_np(thread_.native_handle(), ("xylem-" + name_).substr(0, 15).c_str());
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return started_; });
  const Result<void> outcome = start_outcome_;
  lock.unlock();
  if (!outcome) thread_.join();
  return outcome;
}

Result<void> AgentRunner::start_agents() {
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    Result<void> outcome = slots_[i]->agent->on_start();
    if (outcome) continue;
    for (std::size_t undo = i; undo-- > 0;) finish(*slots_[undo]);
    return outcome;
  }
  return {};
}

void AgentRunner::run(std::stop_token) {
  Result<void> outcome = start_agents();
  const bool running = outcome.has_value();
  last_beat_ns_.store(clock_.now().since_boot.count(), kOrder);
  {
    const std::lock_guard lock(mutex_);
    start_outcome_ = std::move(outcome);
    started_ = true;
  }
  changed_.notify_all();
  if (!running) return;

  const auto unfinished = [](const auto& slot) { return !slot->finished.load(kOrder); };
  while (std::any_of(slots_.begin(), slots_.end(), unfinished)) {
    const Instant now = clock_.now();
    std::size_t work = 0;
    for (const auto& slot : slots_) work += turn(*slot, now);
    last_beat_ns_.store(now.since_boot.count(), kOrder);
    cycles_.store(cycles_.load(kOrder) + 1, kOrder);
    if (work == 0) sleep();
  }
}

std::size_t AgentRunner::turn(Slot& slot, Instant now) {
  if (slot.finished.load(kOrder)) return 0;
  if (!slot.stop.load(std::memory_order_acquire)) return slot.agent->do_work(now);
  const bool late = now.since_boot.count() >= slot.deadline_ns.load(std::memory_order_acquire);
  if (!late && slot.agent->drain(now) == Agent::Drain::unfinished) return 0;
  finish(slot);
  return 1;
}

void AgentRunner::finish(Slot& slot) {
  slot.left_behind.store(slot.agent->on_stop(), kOrder);
  {
    const std::lock_guard lock(mutex_);
    slot.finished.store(true, std::memory_order_release);
  }
  changed_.notify_all();
}

bool AgentRunner::any_has_work() {
  return std::any_of(slots_.begin(), slots_.end(), [](const auto& slot) {
    return !slot->finished.load(kOrder) && slot->agent->has_work();
  });
}

Duration AgentRunner::until_due() const {
  Duration rest = Duration::max();
  for (const auto& slot : slots_) {
    const auto due = slot->finished.load(kOrder) ? std::nullopt : slot->agent->due();
    if (due) rest = std::min(rest, std::max(*due - clock_.now(), Duration(0)));
  }
  return rest;
}

void AgentRunner::sleep() {
  doorbell_.will_sleep();
  bool stopping = false;
  for (const auto& slot : slots_) stopping |= slot->stop.load(std::memory_order_acquire);
  if (any_has_work() && !stopping) {
    doorbell_.woke();
    return;
  }
  fds_.clear();
  for (const auto& slot : slots_) {
    if (!slot->finished.load(kOrder)) slot->agent->wait_fds(fds_);
  }
  // Agents whose sockets share a poller all name the same.
  std::sort(fds_.begin(), fds_.end());
  fds_.erase(std::unique(fds_.begin(), fds_.end()), fds_.end());
  std::vector<pollfd> waits{{doorbell_.fd(), POLLIN, 0}};
  for (const int fd : fds_) waits.push_back({fd, POLLIN, 0});
  // While draining, progress can depend on a peer's pace alone: look again soon.
  const Duration limit = stopping ? Duration(std::chrono::milliseconds(2)) : sleep_max_;
  const Duration rest = std::min(limit, until_due());
  const auto rest_ms = std::chrono::ceil<std::chrono::milliseconds>(rest).count();
  const int ready = ::poll(waits.data(), waits.size(), static_cast<int>(rest_ms));
  doorbell_.woke();
  if (ready == 0 && rest == sleep_max_ && any_has_work()) {
    missed_wakeups_.store(missed_wakeups_.load(kOrder) + 1, kOrder);
  }
}

void AgentRunner::request_stop(const Agent& agent, Instant deadline) {
  Slot& slot = slot_of(agent);
  slot.deadline_ns.store(deadline.since_boot.count(), std::memory_order_release);
  slot.stop.store(true, std::memory_order_release);
  doorbell_.ring();
}

bool AgentRunner::wait_finished(const Agent& agent, Instant deadline) {
  const Slot& slot = slot_of(agent);
  std::unique_lock lock(mutex_);
  return changed_.wait_until(lock, steady(deadline),
                             [&] { return slot.finished.load(std::memory_order_acquire); });
}

std::uint64_t AgentRunner::left_behind(const Agent& agent) const {
  return slot_of(agent).left_behind.load(kOrder);
}

AgentRunner::Slot& AgentRunner::slot_of(const Agent& agent) const {
  const auto found = std::find_if(slots_.begin(), slots_.end(),
                                  [&](const auto& slot) { return slot->agent == &agent; });
  XYLEM_CHECK(found != slots_.end(), "an agent is asked of the runner that runs it");
  return **found;
}

Duration AgentRunner::heartbeat_age() const {
  return clock_.now() - Instant{Duration(last_beat_ns_.load(kOrder))};
}

void AgentRunner::sample(Samples& samples) const {
  const double age = std::chrono::duration<double>(heartbeat_age()).count();
  samples.push_back({Metric::agent_heartbeat_age, age, {{"thread", name_}}});
  samples.push_back(
      {Metric::agent_cycles, static_cast<double>(cycles_.load(kOrder)), {{"thread", name_}}});
  samples.push_back({Metric::agent_missed_wakeups,
                     static_cast<double>(missed_wakeups_.load(kOrder)),
                     {{"thread", name_}}});
}

}  // namespace xylem
