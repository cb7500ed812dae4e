// Goal    the index finds what was added and nothing that was removed, whatever collides.
// Method  random adding and removing with few hashes, against a map.

#include "relay/cluster/task_index.h"

#include <gtest/gtest.h>

#include <map>

#include "tests/doubles/chance.h"

namespace xylem::cluster {
namespace {

TEST(TaskIndex, AgreesWithAMap) {
  for (const std::uint64_t seed : ::xylem::testing::seeds(20)) {
    SCOPED_TRACE(::xylem::testing::named(seed));
    ::xylem::testing::Chance chance(seed);
    TaskIndex index;
    std::map<std::uint32_t, std::uint64_t> model;
    for (int round = 0; round < 5000; ++round) {
      const auto task = static_cast<std::uint32_t>(chance.below(500));
      const auto found = model.find(task);
      if (found != model.end()) {
        index.remove(found->second, task);
        model.erase(found);
      } else {
        // Near each other, so that runs of slots meet and wrap around.
        const std::uint64_t hash = (chance.below(40) << 40) - chance.below(60);
        index.add(hash, task);
        model.emplace(task, hash);
      }
    }
    EXPECT_EQ(index.size(), model.size());
    for (std::uint32_t task = 0; task < 500; ++task) {
      const auto known = model.find(task);
      const std::uint64_t hash = known == model.end() ? 0 : known->second;
      EXPECT_EQ(index.find(hash, [&](std::uint32_t each) { return each == task; }),
                known == model.end() ? TaskIndex::kNone : task);
    }
  }
}

}  // namespace
}  // namespace xylem::cluster
