// Goal    a topic pattern matches exactly the keys that AMQP 0-9-1 §3.1.3.3 says.
// Method  a table for the rules one can say, and a naive matcher over a tiny alphabet, empty words
//         included, for those one cannot.

#include "relay/event/topic_pattern.h"

#include <gtest/gtest.h>

#include "relay/base/limits.h"
#include "tests/doubles/chance.h"
#include "tests/doubles/naive_topic.h"

namespace xylem {
namespace {

using testing::Chance;

struct PatternCase {
  std::string_view pattern;
  std::string_view key;
  bool matches;
};
constexpr PatternCase kPatternCases[] = {
    {"task.failed", "task.failed", true},
    {"task.failed", "task.failed.hard", false},
    {"task.failed", "task", false},
    {"task.failed", "task.faile", false},
    {"task.*", "task.sent", true},
    {"task.*", "task", false},
    {"task.*", "task.", true},
    {"task.*", "task.sent.again", false},
    {"task.#", "task", true},
    {"task.#", "task.sent", true},
    {"task.#", "task.sent.again", true},
    {"task.#", "tasks", false},
    {"#", "anything.at.all", true},
    {"#", "", true},
    {"*", "", true},
    {"*", "one", true},
    {"*", "one.two", false},
    {"#.failed", "failed", true},
    {"#.failed", "task.failed", true},
    {"#.failed", "failed.task", false},
    {"*.#.*", "one", false},
    {"*.#.*", "one.two", true},
    {"*.#.*", "one.two.three", true},
    {"#.#", "", true},
    {"#.#", "one.two", true},
    {"#.a.#", "b.a.b", true},
    {"#.a.#", "a", true},
    {"#.a.#", "b.b", false},
    {"a..b", "a..b", true},
    {"a.*.b", "a..b", true},
    {"a.#.b", "a.b", true},
    {".", ".", true},
    {".", "", false},
    {"*.*", ".", true},
    {"Task.sent", "task.sent", false},
};

TEST(TopicPattern, FollowsAmqpTopicRules) {
  for (const auto& [pattern, key, matches] : kPatternCases) {
    EXPECT_EQ(TopicPattern::parse(pattern)->matches(key), matches) << pattern << " against " << key;
    EXPECT_EQ(testing::naive_match(pattern, key), matches) << "the model itself, " << pattern;
  }
}

std::string random_words(Chance& chance, std::span<const std::string_view> alphabet,
                         std::size_t most) {
  std::string text(chance.of(alphabet));
  for (std::size_t more = chance.below(most); more > 0; --more) {
    text += '.';
    text += chance.of(alphabet);
  }
  return text;
}

TEST(TopicPattern, EqualsTheNaiveMatcher) {
  constexpr std::string_view kPatternWords[] = {"", "a", "b", "*", "#"};
  constexpr std::string_view kKeyWords[] = {"", "a", "b"};
  for (const std::uint64_t seed : testing::seeds(20)) {
    SCOPED_TRACE(testing::named(seed));
    Chance chance(seed);
    int tried = 0;
    int matched = 0;
    while (tried < 2000) {
      const std::string text = random_words(chance, kPatternWords, 6);
      const auto pattern = TopicPattern::parse(text);
      if (!pattern) continue;  // too many '#'
      const std::string key = random_words(chance, kKeyWords, 7);
      const bool expected = testing::naive_match(text, key);
      ASSERT_EQ(pattern->matches(key), expected) << "'" << text << "' against '" << key << "'";
      ++tried;
      matched += expected;
    }
    EXPECT_GT(matched, 100) << "the premise of this run: both answers were seen";
    EXPECT_LT(matched, 1900);
  }
}

std::string repeated(std::string_view word, std::size_t times) {
  std::string text(word);
  for (std::size_t i = 1; i < times; ++i) text.append(".").append(word);
  return text;
}

TEST(TopicPattern, TakesAsManyWordsAsItsLimitAndNoMore) {
  const auto longest = TopicPattern::parse(repeated("a", kPatternWordsMax));
  ASSERT_TRUE(longest);
  EXPECT_TRUE(longest->matches(repeated("a", kPatternWordsMax)));
  EXPECT_FALSE(longest->matches(repeated("a", kPatternWordsMax + 1)));
  EXPECT_FALSE(TopicPattern::parse(repeated("a", kPatternWordsMax + 1)));
}

TEST(TopicPattern, TakesAsManyHashesAsItsLimitAndNoMore) {
  EXPECT_TRUE(TopicPattern::parse(repeated("#", kPatternHashesMax)));
  EXPECT_FALSE(TopicPattern::parse(repeated("#", kPatternHashesMax + 1)));
}

TEST(TopicPattern, MatchesKeysOfMoreWordsThanAPatternMayHave) {
  EXPECT_TRUE(TopicPattern::parse("a.#.b")->matches(repeated("a", 100) + ".b"));
  EXPECT_FALSE(TopicPattern::parse("a.#.b")->matches(repeated("a", 100)));
}

TEST(TopicPattern, TakesAsManyBytesAsARoutingKeyMayHave) {
  EXPECT_TRUE(TopicPattern::parse(std::string(kRoutingKeyBytesMax, 'a')));
  EXPECT_FALSE(TopicPattern::parse(std::string(kRoutingKeyBytesMax + 1, 'a')));
}

TEST(TopicPattern, RefusesWithASentenceThatNamesPatternAndRule) {
  struct Case {
    std::string_view pattern;
    std::string_view rule;
  };
  constexpr Case kCases[] = {{"", "empty"},
                             {"task.fail*", "inside a word"},
                             {"#task", "inside a word"},
                             {"**", "inside a word"},
                             {"a.#.b.#.c.#", "more than 2 '#'"},
                             {"task\n", "control character"},
                             {"task\x7f", "control character"}};
  for (const auto& [pattern, rule] : kCases) {
    const auto refused = TopicPattern::parse(pattern);
    ASSERT_FALSE(refused) << pattern;
    EXPECT_EQ(refused.error().code, ErrorCode::bad_pattern);
    EXPECT_NE(refused.error().message.find(rule), std::string::npos) << refused.error().message;
    EXPECT_NE(refused.error().message.find("topic pattern '"), std::string::npos);
  }
}

TEST(TopicPattern, RemembersHowItWasWritten) {
  EXPECT_EQ(TopicPattern::parse("task.*.#")->text(), "task.*.#");
}

}  // namespace
}  // namespace xylem
