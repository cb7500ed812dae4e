#include "relay/event/topic_filter.h"

#include <gtest/gtest.h>

#include "relay/base/limits.h"

namespace xylem {
namespace {

TopicFilter filter(const std::vector<std::string>& patterns) {
  return TopicFilter::parse(patterns).value();
}

TEST(TopicFilter, WantsWhatAnyOfItsPatternsWants) {
  const TopicFilter failures = filter({"task.failed", "worker.#"});
  EXPECT_TRUE(failures.matches("task.failed"));
  EXPECT_TRUE(failures.matches("worker.heartbeat"));
  EXPECT_FALSE(failures.matches("task.sent"));
  EXPECT_FALSE(failures.matches_everything());
}

TEST(TopicFilter, WithoutPatternsWantsEverything) {
  EXPECT_TRUE(filter({}).matches("any.key"));
  EXPECT_TRUE(filter({}).matches_everything());
  EXPECT_EQ(filter({}).name(), "#");
}

TEST(TopicFilter, IsNamedAlikeHoweverItIsWritten) {
  const std::string name = filter({"a", "b"}).name();
  EXPECT_EQ(name, "a b");
  EXPECT_EQ(filter({"b", "a"}).name(), name);
  EXPECT_EQ(filter({"b", "a", "b"}).name(), name);
  EXPECT_NE(filter({"a"}).name(), name);
}

TEST(TopicFilter, IsNamedHashWhenHashIsAmongItsPatterns) {
  EXPECT_EQ(filter({"task.#", "#"}).name(), "#");
  EXPECT_TRUE(filter({"task.#", "#"}).matches("worker.online"));
}

// Taps with one name share one result, so a name that two different filters had would hand a
// subscriber events that are not his.
TEST(TopicFilter, GivesDifferentFiltersDifferentNames) {
  EXPECT_NE(filter({"a b"}).name(), filter({"a", "b"}).name());
  EXPECT_NE(filter({"a\\", "b"}).name(), filter({"a\\ b"}).name());
  EXPECT_NE(filter({"a ", "b"}).name(), filter({"a", " b"}).name());
}

TEST(TopicFilter, RefusesOnePatternTooMany) {
  std::vector<std::string> patterns(kPatternsPerSubscriberMax, "task.sent");
  EXPECT_TRUE(TopicFilter::parse(patterns));
  patterns.emplace_back("task.sent");
  EXPECT_EQ(TopicFilter::parse(patterns).error().code, ErrorCode::bad_pattern);
}

TEST(TopicFilter, RefusesABadPatternAmongGoodOnes) {
  EXPECT_EQ(TopicFilter::parse({"task.#", "x*"}).error().code, ErrorCode::bad_pattern);
}

TEST(TopicFilter, APatternThatCanMatchNothingIsToldWithTheOneThatWasMeant) {
  EXPECT_TRUE(check_can_match({"task.failed", "worker.#", "*.done", "größe.*"}));
  const auto type = check_can_match({"task.*", "task-failed"});
  ASSERT_FALSE(type);
  EXPECT_EQ(type.error().code, ErrorCode::bad_pattern);
  EXPECT_NE(type.error().message.find("did you mean 'task.failed'?"), std::string::npos);
  EXPECT_FALSE(check_can_match({"task.\xff"}));
}

}  // namespace
}  // namespace xylem
