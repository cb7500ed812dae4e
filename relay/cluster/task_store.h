#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "relay/cluster/block_pool.h"
#include "relay/cluster/life.h"
#include "relay/cluster/names.h"
#include "relay/cluster/task_index.h"

namespace xylem::cluster {

// A task's place in the store; reused when the task has left.
using TaskNumber = std::uint32_t;
inline constexpr TaskNumber kNoTask = TaskIndex::kNone;

// The lists that every task is in. `age` has two groups, unfinished and finished, in the order of
// their last change; the others one per name, and `root` and `parent` one per uuid.
enum class TaskList : std::uint8_t { age, state, name, worker, queue, root, parent };
inline constexpr std::size_t kTaskLists = 7;
inline constexpr std::size_t kNamedLists = 5;  // those whose groups are numbered

// The groups of TaskList::age.
inline constexpr std::uint32_t kFinishedTasks = 1;
inline constexpr std::uint32_t kUnfinishedTasks = 2;

// What is kept of a task beside its sightings: what lists and readers ask for most. A summary;
// the sightings are the truth.
struct Task {
  static constexpr std::size_t kUuidInline = 40;

  std::uint64_t hash = 0;
  Sighting* newest = nullptr;
  std::uint64_t root = 0;    // hash of its uuid; 0 for none, and for the root itself
  std::uint64_t parent = 0;  // likewise
  std::int64_t changed_us = 0;
  std::array<std::array<TaskNumber, 2>, kTaskLists> links;  // towards newer, towards older
  std::array<std::uint32_t, kNamedLists> groups{};
  std::uint16_t uuid_bytes = 0;
  std::uint8_t sightings = 0;
  Kind kind{};
  bool in_use = false;
  bool orphaned = false;
  bool wait_counted = false;
  bool run_counted = false;
  // An event that does not say its attempt brought a name, so any later one may change whose
  // counts.
  bool is_odd = false;
  std::array<char, kUuidInline> uuid_inline{};  // or a pointer

  [[nodiscard]] std::string_view uuid() const;
  [[nodiscard]] NameId group(TaskList list) const {
    return {groups[static_cast<std::size_t>(list)]};
  }
  [[nodiscard]] bool finished() const { return group(TaskList::age).value == kFinishedTasks; }
};
static_assert(sizeof(Task) <= 192);

// Tasks by uuid and in lists, in one pool. Lists are links inside the tasks, so that entering and
// leaving cost the same however many there are. One owner thread.
class TaskStore {
 public:
  struct Ends {
    TaskNumber newest = kNoTask;
    TaskNumber oldest = kNoTask;
    std::uint32_t count = 0;
  };
  explicit TaskStore(std::uint64_t seed);
  ~TaskStore();
  TaskStore(const TaskStore&) = delete;
  TaskStore& operator=(const TaskStore&) = delete;

  [[nodiscard]] TaskNumber find(std::string_view uuid) const;
  // REQUIRES that it is not there.
  [[nodiscard]] TaskNumber add(std::string_view uuid);
  void remove(TaskNumber number);

  [[nodiscard]] Task& at(TaskNumber number) {
    return chunks_[number / kChunk]->tasks()[number % kChunk];
  }
  [[nodiscard]] const Task& at(TaskNumber number) const {
    return chunks_[number / kChunk]->tasks()[number % kChunk];
  }
  // From one list's group to another's; at once, and for nothing if it is the same.
  void move(TaskNumber number, TaskList list, std::uint32_t group);
  // The same, and it is the newest there, also if it was there before.
  void move_to_front(TaskNumber number, TaskList list, std::uint32_t group);
  // Of `root` or `parent`, by uuid; "" for none.
  void join_family(TaskNumber number, TaskList list, std::string_view uuid);

  [[nodiscard]] Ends ends(TaskList list, std::uint32_t group) const;
  [[nodiscard]] TaskNumber first_of_family(TaskList list, std::string_view uuid) const;
  // The next older one of the same group.
  [[nodiscard]] TaskNumber older(TaskNumber number, TaskList list) const {
    return at(number).links[static_cast<std::size_t>(list)][1];
  }

  // A block for a sighting and so many bytes of values. add_sighting() takes it, or drops it.
  [[nodiscard]] Sighting* new_sighting(std::size_t values_bytes);
  void drop(Sighting* sighting) {
    pool_.give_back(reinterpret_cast<std::byte*>(sighting), sighting->bytes());
  }
  enum class Added : std::uint8_t { yes, was_there, too_many };
  // too_many: the first of the most that one task may have has left.
  Added add_sighting(TaskNumber number, Sighting* sighting, const Names& hosts);

  [[nodiscard]] std::size_t size() const { return index_.size(); }
  // Places handed out so far: every task's number is below.
  [[nodiscard]] TaskNumber numbers_end() const { return next_; }
  // Of memory, what its tasks take, with the indexes that lead to them.
  [[nodiscard]] std::size_t bytes() const;

 private:
  static constexpr std::size_t kChunk = 256;
  // Not touched before a task is in it.
  struct Chunk {
    alignas(Task) std::array<std::byte, kChunk * sizeof(Task)> bytes;
    [[nodiscard]] Task* tasks() { return reinterpret_cast<Task*>(bytes.data()); }
  };
  void link(TaskNumber number, TaskList list, Ends& ends);
  void unlink(TaskNumber number, TaskList list, Ends& ends);
  void leave_family(TaskNumber number, TaskList list);
  [[nodiscard]] Ends& group_ends(TaskList list, std::uint32_t group);
  [[nodiscard]] TaskIndex& family(TaskList list) {
    return list == TaskList::root ? roots_ : parents_;
  }

  std::uint64_t seed_;
  BlockPool pool_;
  std::vector<std::unique_ptr<Chunk>> chunks_;
  TaskNumber next_ = 0;
  std::vector<TaskNumber> free_;
  TaskIndex index_;
  TaskIndex roots_;  // the newest task of each family
  TaskIndex parents_;
  std::array<std::vector<Ends>, kNamedLists> ends_;
};

}  // namespace xylem::cluster
