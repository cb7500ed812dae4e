#include "relay/base/error.h"

#include <gtest/gtest.h>

#include <set>

namespace xylem {
namespace {

TEST(Error, HasADistinctNameForEveryCode) {
  std::set<std::string_view> names;
  for (int code = 0; code <= static_cast<int>(ErrorCode::refused); ++code) {
    names.insert(name_of(static_cast<ErrorCode>(code)));
  }
  EXPECT_EQ(names.size(), static_cast<std::size_t>(ErrorCode::refused) + 1);
  EXPECT_FALSE(names.contains("unknown"));
}

}  // namespace
}  // namespace xylem
