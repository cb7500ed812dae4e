#include "relay/amqp/known_workers.h"

namespace xylem {
namespace {
// The two nodes that hold a worker, and what their allocation costs.
constexpr std::size_t kOverheadBytes = 256;
}  // namespace

std::size_t KnownWorkers::bytes_of(const Worker& worker) {
  return kOverheadBytes + worker.hostname.size() + worker.key.size() + worker.body.size();
}

KnownWorkers::Worker& KnownWorkers::of(std::string_view hostname) {
  const auto known = by_hostname_.find(hostname);
  if (known != by_hostname_.end()) {
    workers_.splice(workers_.end(), workers_, known->second);
    return workers_.back();
  }
  Worker& made = workers_.emplace_back();
  made.hostname = hostname;
  by_hostname_.emplace(made.hostname, std::prev(workers_.end()));
  bytes_ += bytes_of(made);
  make_room();
  return made;
}

void KnownWorkers::hear(std::string_view hostname, std::string_view key, std::string_view body,
                        Instant now) {
  Worker& worker = of(hostname);
  bytes_ -= bytes_of(worker);
  worker.key = key;
  worker.body = body;
  worker.heard_at = now;
  bytes_ += bytes_of(worker);
  make_room();
}

void KnownWorkers::forget(std::string_view hostname) {
  const auto known = by_hostname_.find(hostname);
  if (known != by_hostname_.end()) drop(known->second);
}

void KnownWorkers::drop(std::list<Worker>::iterator worker) {
  bytes_ -= bytes_of(*worker);
  by_hostname_.erase(worker->hostname);
  workers_.erase(worker);
}

// But for the one at hand.
void KnownWorkers::make_room() {
  while (workers_.size() > 1 &&
         (workers_.size() > limits_.workers_max || bytes_ > limits_.bytes_max)) {
    drop(workers_.begin());
    ++forgotten_;
  }
}

}  // namespace xylem
