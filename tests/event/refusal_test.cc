#include "relay/event/refusal.h"

#include <gtest/gtest.h>

#include <set>

namespace xylem {
namespace {

TEST(Refusal, HasADistinctLabelForEveryReason) {
  std::set<std::string_view> labels;
  for (std::size_t i = 0; i < kRefusalCount; ++i) labels.insert(name_of(static_cast<Refusal>(i)));
  EXPECT_EQ(labels.size(), kRefusalCount);
  EXPECT_FALSE(labels.contains("unknown"));
}

TEST(Refusal, IsCountedToItsLastReason) {
  EXPECT_EQ(static_cast<std::size_t>(Refusal::loop) + 1, kRefusalCount);
}

}  // namespace
}  // namespace xylem
