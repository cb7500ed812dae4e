#include "relay/zmtp/prefix_table.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "tests/doubles/chance.h"

namespace xylem::zmtp {
namespace {

using Added = PrefixTable::Added;
using Removed = PrefixTable::Removed;
using Subscriber = PrefixTable::Subscriber;

std::vector<Subscriber> matched(const PrefixTable& table, std::string_view key) {
  std::vector<Subscriber> found;
  table.match(key, found);
  return found;
}

TEST(PrefixTable, FindsWhoHasAPrefixOfTheKeyOnce) {
  PrefixTable table({});
  EXPECT_EQ(table.add(2, "task."), Added::added);
  EXPECT_EQ(table.add(2, ""), Added::added);
  EXPECT_EQ(table.add(1, "task.failed"), Added::added);
  EXPECT_EQ(matched(table, "task.failed"), (std::vector<Subscriber>{1, 2}));
  EXPECT_EQ(matched(table, "task.sent"), (std::vector<Subscriber>{2}));
  EXPECT_EQ(matched(table, ""), (std::vector<Subscriber>{2}));
}

// libzmq's SUB subscribes at every call, and cancels once.
TEST(PrefixTable, IsASetOfEachSubscriber) {
  PrefixTable table({});
  EXPECT_EQ(table.add(1, "a"), Added::added);
  EXPECT_EQ(table.add(1, "a"), Added::had_already);
  EXPECT_EQ(table.remove(1, "a"), Removed::last);
  EXPECT_TRUE(matched(table, "a").empty());
}

TEST(PrefixTable, LeavesOthersTheirsWhenSomebodyCancelsWhatHeNeverHad) {
  PrefixTable table({});
  static_cast<void>(table.add(1, "a"));
  EXPECT_EQ(table.remove(2, "a"), Removed::had_none);
  EXPECT_EQ(matched(table, "abc"), (std::vector<Subscriber>{1}));
}

TEST(PrefixTable, IsBoundedForEachSubscriberAndForAll) {
  PrefixTable table({.prefixes_max = 3, .bytes_max = 1000});
  for (const char* prefix : {"a", "b", "c"}) EXPECT_EQ(table.add(1, prefix), Added::added);
  EXPECT_EQ(table.add(1, "d"), Added::refused);
  EXPECT_EQ(table.add(2, "d"), Added::added) << "only he had too many";
  std::size_t added = 0;
  for (Subscriber subscriber = 3; subscriber < 100; ++subscriber) {
    added += table.add(subscriber, "x") == Added::added;
  }
  EXPECT_LT(added, 10u);
  EXPECT_LE(table.bytes(), 1000u);
  EXPECT_EQ(table.add(50, std::string(256, 'x')), Added::matches_nothing);
}

TEST(PrefixTable, AgreesWithAPlainModel) {
  static constexpr std::string_view kKeys[] = {"task.sent", "task.failed", "task", "worker.online",
                                               ""};
  for (const std::uint64_t seed : testing::seeds(50)) {
    SCOPED_TRACE(testing::named(seed));
    testing::Chance chance(seed);
    PrefixTable table({});
    std::map<Subscriber, std::set<std::string>> model;
    for (int step = 0; step < 300; ++step) {
      const auto who = static_cast<Subscriber>(chance.below(4));
      const std::string_view key = kKeys[chance.below(std::size(kKeys))];
      const std::string prefix(key.substr(0, chance.below(key.size() + 1)));
      switch (chance.below(5)) {
        case 0:
          EXPECT_EQ(table.remove(who, prefix) != Removed::had_none, model[who].erase(prefix) == 1);
          break;
        case 1:
          if (chance.one_in(8)) {
            static_cast<void>(table.remove_all(who));
            model.erase(who);
          }
          break;
        default:
          EXPECT_EQ(table.add(who, prefix) == Added::added, model[who].insert(prefix).second);
      }
      std::vector<Subscriber> expected;
      for (const auto& [subscriber, prefixes] : model) {
        for (const std::string& one : prefixes) {
          if (!key.starts_with(one)) continue;
          expected.push_back(subscriber);
          break;
        }
      }
      ASSERT_EQ(matched(table, key), expected);
    }
    for (Subscriber who = 0; who < 4; ++who) static_cast<void>(table.remove_all(who));
    EXPECT_EQ(table.prefixes(), 0u);
    EXPECT_EQ(table.bytes(), 0u);
  }
}

}  // namespace
}  // namespace xylem::zmtp
