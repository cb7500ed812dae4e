#include "relay/cluster/task_store.h"

#include <cstring>
#include <new>

namespace xylem::cluster {
namespace {

constexpr std::size_t kNewer = 0;
constexpr std::size_t kOlder = 1;

}  // namespace

std::string_view Task::uuid() const {
  if (uuid_bytes <= kUuidInline) return {uuid_inline.data(), uuid_bytes};
  const char* far = nullptr;
  std::memcpy(&far, uuid_inline.data(), sizeof far);
  return {far, uuid_bytes};
}

TaskStore::TaskStore(std::uint64_t seed) : seed_(seed) {}

TaskStore::~TaskStore() {
  for (TaskNumber number = 0; number < next_; ++number) {
    if (at(number).in_use) remove(number);
  }
}

TaskNumber TaskStore::find(std::string_view uuid) const {
  return index_.find(hash_of(uuid, seed_),
                     [&](TaskNumber number) { return at(number).uuid() == uuid; });
}

TaskNumber TaskStore::add(std::string_view uuid) {
  TaskNumber number = next_;
  if (!free_.empty()) {
    number = free_.back();
    free_.pop_back();
  } else if (next_++ % kChunk == 0) {
    chunks_.push_back(std::make_unique_for_overwrite<Chunk>());
  }
  Task& task = *new (&at(number)) Task;
  task.hash = hash_of(uuid, seed_);
  task.in_use = true;
  task.links.fill({kNoTask, kNoTask});
  task.uuid_bytes = static_cast<std::uint16_t>(uuid.size());
  if (uuid.size() <= Task::kUuidInline) {
    std::memcpy(task.uuid_inline.data(), uuid.data(), uuid.size());
  } else {
    auto* const far = reinterpret_cast<char*>(pool_.take(uuid.size()));
    std::memcpy(far, uuid.data(), uuid.size());
    std::memcpy(task.uuid_inline.data(), &far, sizeof far);
  }
  index_.add(task.hash, number);
  return number;
}

void TaskStore::remove(TaskNumber number) {
  Task& task = at(number);
  for (std::size_t list = 0; list < kNamedLists; ++list) {
    move(number, static_cast<TaskList>(list), 0);
  }
  leave_family(number, TaskList::root);
  leave_family(number, TaskList::parent);
  index_.remove(task.hash, number);
  while (task.newest != nullptr) {
    Sighting* const sighting = task.newest;
    task.newest = sighting->older;
    drop(sighting);
  }
  if (task.uuid_bytes > Task::kUuidInline) {
    pool_.give_back(reinterpret_cast<std::byte*>(const_cast<char*>(task.uuid().data())),
                    task.uuid_bytes);
  }
  task.in_use = false;
  free_.push_back(number);
}

// Group 0 of a named list is "none", and holds nobody.
void TaskStore::move(TaskNumber number, TaskList list, std::uint32_t group) {
  std::uint32_t& now = at(number).groups[static_cast<std::size_t>(list)];
  if (now == group) return;
  if (now != 0) unlink(number, list, group_ends(list, now));
  now = group;
  if (now != 0) link(number, list, group_ends(list, now));
}

void TaskStore::move_to_front(TaskNumber number, TaskList list, std::uint32_t group) {
  if (at(number).groups[static_cast<std::size_t>(list)] != group) {
    return move(number, list, group);
  }
  Ends& ends = group_ends(list, group);
  if (group == 0 || ends.newest == number) return;
  unlink(number, list, ends);
  link(number, list, ends);
}

TaskStore::Ends& TaskStore::group_ends(TaskList list, std::uint32_t group) {
  std::vector<Ends>& all = ends_[static_cast<std::size_t>(list)];
  if (all.size() <= group) all.resize(group + 1);
  return all[group];
}

TaskStore::Ends TaskStore::ends(TaskList list, std::uint32_t group) const {
  const std::vector<Ends>& all = ends_[static_cast<std::size_t>(list)];
  return group < all.size() ? all[group] : Ends{};
}

void TaskStore::link(TaskNumber number, TaskList list, Ends& ends) {
  auto& links = at(number).links[static_cast<std::size_t>(list)];
  links = {kNoTask, ends.newest};
  if (ends.newest != kNoTask) {
    at(ends.newest).links[static_cast<std::size_t>(list)][kNewer] = number;
  } else {
    ends.oldest = number;
  }
  ends.newest = number;
  ++ends.count;
}

void TaskStore::unlink(TaskNumber number, TaskList list, Ends& ends) {
  const auto [newer, older] = at(number).links[static_cast<std::size_t>(list)];
  if (newer != kNoTask) {
    at(newer).links[static_cast<std::size_t>(list)][kOlder] = older;
  } else {
    ends.newest = older;
  }
  if (older != kNoTask) {
    at(older).links[static_cast<std::size_t>(list)][kNewer] = newer;
  } else {
    ends.oldest = newer;
  }
  --ends.count;
}

// A family is known by its newest task, which the index leads to.
void TaskStore::join_family(TaskNumber number, TaskList list, std::string_view uuid) {
  Task& task = at(number);
  std::uint64_t& now = list == TaskList::root ? task.root : task.parent;
  const std::uint64_t hash = uuid.empty() || uuid == task.uuid() ? 0 : hash_of(uuid, seed_);
  if (now == hash) return;
  leave_family(number, list);
  now = hash;
  if (hash == 0) return;
  const TaskNumber head = family(list).find(hash, [](TaskNumber) { return true; });
  Ends ends{head, head, 0};
  link(number, list, ends);
  head == kNoTask ? family(list).add(hash, number) : family(list).replace(hash, head, number);
}

void TaskStore::leave_family(TaskNumber number, TaskList list) {
  Task& task = at(number);
  std::uint64_t& now = list == TaskList::root ? task.root : task.parent;
  if (now == 0) return;
  const auto [newer, older] = task.links[static_cast<std::size_t>(list)];
  if (newer == kNoTask) {
    older == kNoTask ? family(list).remove(now, number) : family(list).replace(now, number, older);
  }
  Ends ends;
  unlink(number, list, ends);
  now = 0;
}

TaskNumber TaskStore::first_of_family(TaskList list, std::string_view uuid) const {
  const TaskIndex& index = list == TaskList::root ? roots_ : parents_;
  return index.find(hash_of(uuid, seed_), [](TaskNumber) { return true; });
}

Sighting* TaskStore::new_sighting(std::size_t values_bytes) {
  auto* const sighting = new (pool_.take(sizeof(Sighting) + values_bytes)) Sighting;
  sighting->values_bytes = static_cast<std::uint32_t>(values_bytes);
  return sighting;
}

TaskStore::Added TaskStore::add_sighting(TaskNumber number, Sighting* sighting,
                                         const Names& hosts) {
  Task& task = at(number);
  Sighting** place = &task.newest;
  while (*place != nullptr) {
    const int order = compare(*sighting, **place, hosts);
    if (order == 0) {
      drop(sighting);
      return Added::was_there;
    }
    if (order > 0) break;
    place = &(*place)->older;
  }
  sighting->older = *place;
  *place = sighting;
  if (task.sightings < Life::kSightingsMax) {
    ++task.sightings;
    return Added::yes;
  }
  place = &task.newest;
  while ((*place)->older != nullptr) place = &(*place)->older;
  drop(*place);
  *place = nullptr;
  return Added::too_many;
}

std::size_t TaskStore::bytes() const {
  std::size_t total = pool_.bytes_taken() + size() * sizeof(Task) +
                      free_.capacity() * sizeof(TaskNumber) + index_.bytes() + roots_.bytes() +
                      parents_.bytes();
  for (const auto& ends : ends_) total += ends.capacity() * sizeof(Ends);
  return total;
}

}  // namespace xylem::cluster
