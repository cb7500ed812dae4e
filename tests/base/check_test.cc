#include "relay/base/check.h"

#include <gtest/gtest.h>

namespace xylem {
namespace {

TEST(Check, LetsAKeptPromisePass) {
  int asked = 0;
  XYLEM_CHECK(++asked == 1, "asked once");
  EXPECT_EQ(asked, 1);
}

TEST(CheckDeathTest, AbortsAndNamesPromiseConditionAndPlace) {
  const int two = 2;
  EXPECT_DEATH(XYLEM_CHECK(two == 3, "two is three"),
               "broken promise: two is three \\(two == 3\\) at .*check_test.cc:[0-9]+");
}

}  // namespace
}  // namespace xylem
