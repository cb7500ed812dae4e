#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "relay/codec/event_view.h"

namespace xylem::cluster {

// Celery 5.2.6's State (celery/events/state.py), field for field, flaws included: for those who
// compare. Its rules are those of docs/cluster.md, column "celery". Values are JSON as they came.
// What Python would raise for is refused before it changes anything, but for the count of events;
// there are no handlers, callbacks and hooks. Pure; one owner thread.
class CeleryState {
 public:
  struct Options {
    std::size_t workers_max = 5000;
    std::size_t tasks_max = 10'000;
    static constexpr std::size_t kHeapMultiplier = 4;
  };
  using Fields = std::array<std::optional<std::string>, kEventFieldCount>;

  struct Worker {
    std::string hostname;  // JSON
    Fields fields;
    std::vector<double> heartbeats;
    [[nodiscard]] std::string id() const;
    [[nodiscard]] bool alive(double now) const;
  };
  struct Task;
  // As a WeakSet: tasks that have left are not in it, and of one uuid there is one.
  using WeakTasks = std::map<std::string, std::weak_ptr<Task>, std::less<>>;
  struct Task {
    std::string uuid;  // JSON
    Fields fields;
    std::shared_ptr<Worker> worker;
    WeakTasks children;
    [[nodiscard]] std::string_view json(EventField field) const;
  };

  explicit CeleryState(const Options& options);

  // False for what Python would raise for.
  bool apply(const EventView& event);

  [[nodiscard]] std::uint64_t event_count() const { return event_count_; }
  [[nodiscard]] std::uint64_t task_count() const { return task_count_; }
  // In the order of LRUCache.data.
  [[nodiscard]] std::vector<std::shared_ptr<const Task>> tasks() const;
  [[nodiscard]] std::vector<std::shared_ptr<const Worker>> workers() const;
  [[nodiscard]] const Task* find(std::string_view uuid) const;
  // By uuid, the newest first: tasks_by_time().
  [[nodiscard]] std::vector<std::string> tasks_by_time() const;
  [[nodiscard]] const std::map<std::string, WeakTasks>& tasks_by_type() const { return by_type_; }
  [[nodiscard]] const std::map<std::string, WeakTasks>& tasks_by_worker() const {
    return by_worker_;
  }
  [[nodiscard]] const std::set<std::string>& task_types() const { return seen_types_; }

 private:
  // kombu's LRUCache, read around: first in, first out, but for those that are touched.
  template <class Value>
  struct Cache {
    using Order = std::list<std::pair<std::string, std::shared_ptr<Value>>>;
    std::size_t limit = 0;
    Order order;
    std::unordered_map<std::string, typename Order::iterator> places;
    [[nodiscard]] std::shared_ptr<Value> find(const std::string& key) const;
    void put(const std::string& key, std::shared_ptr<Value> value);
    void touch(const std::string& key);
  };
  struct HeapEntry {
    double clock = 0;
    double timestamp = 0;
    std::string origin;
    std::weak_ptr<Task> task;
  };
  [[nodiscard]] static bool less(const HeapEntry& a, const HeapEntry& b);

  void apply_worker(const EventView& event, std::string_view subject);
  bool apply_task(const EventView& event, std::string_view subject);
  [[nodiscard]] std::shared_ptr<Worker> worker_of(const std::string& hostname);
  static void beat(Worker& worker, double timestamp, double local_received);
  void add_to_heap(HeapEntry entry);
  static void merge(Task& task, const EventView& event, std::string_view subject);
  void add_to_indexes(const std::shared_ptr<Task>& task, bool created, const std::string& host);
  void resolve_family(const std::shared_ptr<Task>& task);

  Options options_;
  Cache<Task> tasks_;
  Cache<Worker> workers_;
  std::deque<HeapEntry> heap_;
  std::map<std::string, WeakTasks> by_type_;
  std::map<std::string, WeakTasks> by_worker_;
  std::map<std::string, WeakTasks> to_resolve_;
  std::set<std::string> seen_types_;
  std::uint64_t event_count_ = 0;
  std::uint64_t task_count_ = 0;
};

}  // namespace xylem::cluster
