#include "relay/cluster/names.h"

#include <gtest/gtest.h>

#include <unordered_set>

namespace xylem::cluster {
namespace {

TEST(Names, GivesEachTextOneNumberForGood) {
  Names names(10'000, 7);
  std::unordered_set<std::uint32_t> numbers;
  for (int i = 0; i < 5000; ++i) numbers.insert(names.of("name" + std::to_string(i)).value);
  EXPECT_EQ(numbers.size(), 5000u);
  EXPECT_EQ(names.text(names.find("name17")), "name17");
  EXPECT_EQ(names.of("name17"), names.find("name17"));
  EXPECT_FALSE(names.find("unheard of"));
  EXPECT_FALSE(names.of(""));
}

TEST(Names, PutsWhatComesTooLateUnderOneName) {
  Names names(4, 7);
  static_cast<void>(names.of("a"));
  static_cast<void>(names.of("b"));
  static_cast<void>(names.of("c"));
  EXPECT_EQ(names.text(names.of("d")), Names::kOther);
  EXPECT_EQ(names.of("e"), names.of("d"));
  EXPECT_EQ(names.text(names.of("a")), "a");
  EXPECT_EQ(names.size(), 4u);
  EXPECT_EQ(names.turned_away(), 3u);
}

TEST(Names, HashTextsOfEveryLengthDifferently) {
  std::unordered_set<std::uint64_t> hashes;
  std::string text;
  for (int i = 0; i < 200; ++i, text += 'x') hashes.insert(hash_of(text, 1));
  EXPECT_EQ(hashes.size(), 200u);
  EXPECT_NE(hash_of("a", 1), hash_of("a", 2));
}

}  // namespace
}  // namespace xylem::cluster
