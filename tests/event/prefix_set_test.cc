#include "relay/event/prefix_set.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/doubles/chance.h"

namespace xylem {
namespace {

bool begins(const PrefixSet& set, std::string_view key) {
  std::size_t cost = 0;
  return set.begins(key, cost);
}

TEST(PrefixSetTest, TellsWhichKeysBeginWithOneOfThem) {
  PrefixSet set;
  EXPECT_FALSE(begins(set, "")) << "nobody wants anything";
  EXPECT_TRUE(set.add("task."));
  EXPECT_FALSE(set.add("task."));
  EXPECT_TRUE(begins(set, "task."));
  EXPECT_TRUE(begins(set, "task.sent"));
  EXPECT_FALSE(begins(set, "task"));
  EXPECT_FALSE(begins(set, "worker.online"));
  EXPECT_FALSE(begins(set, ""));
  EXPECT_TRUE(set.add(""));
  EXPECT_TRUE(begins(set, ""));
  EXPECT_TRUE(begins(set, "worker.online"));
  EXPECT_TRUE(set.remove(""));
  EXPECT_FALSE(set.remove(""));
  EXPECT_FALSE(begins(set, "worker.online"));
  set.clear();
  EXPECT_TRUE(set.empty());
  EXPECT_FALSE(begins(set, "task.sent"));
}

TEST(PrefixSetTest, SaysWhatASetOfStringsSays) {
  for (const std::uint64_t seed : testing::seeds(50)) {
    SCOPED_TRACE(testing::named(seed));
    testing::Chance chance(seed);
    const auto any = [&] {
      std::string text(chance.below(6), 'a');
      for (char& letter : text) letter = chance.one_in(2) ? 'a' : '\xff';
      return text;
    };
    PrefixSet set;
    std::set<std::string> model;
    for (int step = 0; step < 300; ++step) {
      const std::string text = any();
      if (chance.one_in(2)) {
        ASSERT_EQ(set.add(text), model.insert(text).second);
      } else {
        ASSERT_EQ(set.remove(text), model.erase(text) == 1);
      }
      ASSERT_EQ(set.size(), model.size());
      const std::string key = any();
      ASSERT_EQ(begins(set, key), std::any_of(model.begin(), model.end(), [&](const auto& prefix) {
                  return key.starts_with(prefix);
                }));
    }
  }
}

// One look-up for each length that there is, whatever number has it.
TEST(PrefixSetTest, CostsWhatTheKeysLengthCosts) {
  PrefixSet set;
  const std::string base(200, 'k');
  for (int i = 0; i < 5000; ++i) set.add(base + std::to_string(10'000 + i) + "~");
  std::size_t cost = 0;
  EXPECT_FALSE(set.begins(base + "12345?and more", cost));
  EXPECT_EQ(cost, 206 + 1 + PrefixSet::kLookUpCost);
  cost = 0;
  EXPECT_FALSE(set.begins("short", cost));
  EXPECT_LE(cost, 5 + PrefixSet::kLookUpCost) << "none is as short";
}

}  // namespace
}  // namespace xylem
