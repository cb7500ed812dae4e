#include "relay/base/result.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace xylem {
namespace {

Result<int> halved(int number) {
  if (number % 2 != 0) return fail(ErrorCode::malformed, "odd");
  return number / 2;
}

Result<int> quartered(int number) {
  XYLEM_TRY(const int half, halved(number));
  XYLEM_TRY(const int quarter, halved(half));
  return quarter;
}

Result<std::unique_ptr<int>> boxed(int number) { return std::make_unique<int>(number); }
Result<int> unboxed(int number) {
  XYLEM_TRY(const std::unique_ptr<int> box, boxed(number));
  return *box;
}

TEST(Result, UnwrapsValuesWithTry) {
  EXPECT_EQ(quartered(12).value(), 3);
  EXPECT_EQ(unboxed(5).value(), 5);
}

TEST(Result, ReturnsTheFirstErrorFromTry) {
  EXPECT_EQ(quartered(3).error().message, "odd");
  EXPECT_EQ(quartered(6).error().code, ErrorCode::malformed);
}

}  // namespace
}  // namespace xylem
