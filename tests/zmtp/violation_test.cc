#include "relay/zmtp/violation.h"

#include <gtest/gtest.h>

#include <set>

namespace xylem::zmtp {
namespace {

TEST(Violation, HasANameOfItsOwnEach) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kViolationCount; ++i) {
    names.insert(name_of(static_cast<Violation>(i)));
  }
  EXPECT_EQ(names.size(), kViolationCount);
  EXPECT_FALSE(names.contains(""));
  EXPECT_EQ(name_of(Violation::prefix_too_large), "prefix_too_large") << "the last";
}

}  // namespace
}  // namespace xylem::zmtp
