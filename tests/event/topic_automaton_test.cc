// Goal    a filter's automaton wants exactly the keys that one of its patterns matches, as AMQP
//         0-9-1 §3.1.3.3 says it and as TopicPattern finds it alone; and what a key costs is
//         bounded.
// Method  random patterns and keys over a tiny alphabet, empty words included, from one pattern to
//         as many as a filter may have; held against a naive matcher and against TopicPattern.

#include "relay/event/topic_automaton.h"

#include <gtest/gtest.h>

#include "relay/event/topic_filter.h"
#include "tests/doubles/chance.h"
#include "tests/doubles/naive_topic.h"

namespace xylem {
namespace {

using testing::Chance;

std::string random_words(Chance& chance, std::span<const char* const> words, std::size_t most) {
  std::string text = words[chance.below(words.size())];
  for (std::size_t n = chance.below(most); n > 0; --n) {
    text.append(".").append(words[chance.below(words.size())]);
  }
  return text;
}

constexpr const char* kKeyWords[] = {"a", "b", "c", "", "task"};
constexpr const char* kPatternWords[] = {"a", "b", "c", "", "task", "*", "*", "#"};

std::string random_pattern(Chance& chance, std::size_t most) {
  for (;;) {
    std::string text = random_words(chance, kPatternWords, most);
    if (TopicPattern::parse(text)) return text;
  }
}

TEST(TopicAutomaton, WantsWhatTheNaiveMatcherAndEachPatternAloneWant) {
  for (const std::uint64_t seed : testing::seeds(150)) {
    SCOPED_TRACE(testing::named(seed));
    Chance chance(seed);
    constexpr std::size_t kMost[] = {1, 4, 40, kPatternsPerSubscriberMax};
    std::vector<std::string> patterns(1 + chance.below(kMost[chance.below(4)]));
    const std::size_t longest = chance.one_in(3) ? kPatternWordsMax - 1 : 6;
    for (std::string& pattern : patterns) pattern = random_pattern(chance, longest);
    const TopicAutomaton automaton(patterns);
    for (int i = 0; i < 100; ++i) {
      const std::string key = random_words(chance, kKeyWords, chance.one_in(4) ? 31 : 5);
      const auto naive = [&](const std::string& pattern) {
        return testing::naive_match(pattern, key);
      };
      const auto alone = [&](const std::string& pattern) {
        return TopicPattern::parse(pattern)->matches(key);
      };
      const bool wanted = std::any_of(patterns.begin(), patterns.end(), naive);
      ASSERT_EQ(automaton.matches(key), wanted) << key;
      ASSERT_EQ(automaton.matches(testing::words_of(key)), wanted) << key;
      ASSERT_EQ(std::any_of(patterns.begin(), patterns.end(), alone), wanted) << key;
    }
  }
}

TEST(TopicAutomaton, CostsOrdinaryPatternsOneLane) {
  EXPECT_EQ(TopicAutomaton(std::vector<std::string>{"task.#"}).lanes(), 1u);
  const std::vector<std::string> four{"task.*", "worker.#", "#.failed", "task.sent"};
  EXPECT_EQ(TopicAutomaton(four).lanes(), 1u);
}

TEST(TopicAutomaton, CostsTheLargestFilterALanePerPattern) {
  std::vector<std::string> patterns;
  for (std::size_t i = 0; i < kPatternsPerSubscriberMax; ++i) {
    std::string pattern = "#.w" + std::to_string(i);
    while (testing::words_of(pattern).size() + 1 < kPatternWordsMax) pattern += ".*";
    patterns.push_back(pattern + ".#");
    ASSERT_TRUE(TopicPattern::parse(patterns.back()));
  }
  const TopicAutomaton automaton(patterns);
  EXPECT_EQ(automaton.lanes(), kPatternsPerSubscriberMax);
  std::string key = "x.w255";
  for (int i = 0; i < 31; ++i) key += ".x";
  EXPECT_TRUE(automaton.matches(key));
  EXPECT_FALSE(automaton.matches("x.w256"));
}

TEST(TopicAutomaton, WithoutPatternsWantsNothing) { EXPECT_FALSE(TopicAutomaton().matches("a")); }

}  // namespace
}  // namespace xylem
