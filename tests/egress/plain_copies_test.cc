// Goal    a batch is expanded once for all who read it plain, and the copies stay bounded.
// Method  shaped batches written by hand.

#include "relay/egress/plain_copies.h"

#include <gtest/gtest.h>

#include <array>

#include "tests/doubles/batches.h"

namespace xylem {
namespace {

using namespace std::string_view_literals;

// One event of `bytes` and a few.
BatchRef shaped(std::size_t bytes) {
  const std::string shape =
      R"({"p": ")" + std::string(bytes, 'x') + "\", \"n\": \x02, \"type\": \"t-u\"}";
  const std::string_view body =
      "\x01\0\0\0\x01"
      "7"sv;
  const std::array entries{EventEntry{0, 0, static_cast<std::uint32_t>(body.size()), 0, 0, 1}};
  const std::array keys{std::string_view("t.u")};
  const std::array shapes{std::string_view(shape)};
  return testing::stamped(write_batch({keys, entries, body, shapes, false}), 1);
}

TEST(PlainCopies, AreMadeOnceForAllWhoAreSentThem) {
  PlainCopies copies;
  const BatchRef batch = shaped(100);
  const BatchRef first = copies.of(batch), again = copies.of(batch);
  EXPECT_FALSE(first->is_shaped());
  EXPECT_EQ(&*first, &*again);
  EXPECT_EQ(copies.bytes(), first->frame().size());
  EXPECT_NE(&*copies.of(shaped(100)), &*first);
}

TEST(PlainCopies, AreForgottenWhenTheTurnEnds) {
  PlainCopies copies;
  static_cast<void>(copies.of(shaped(100)));
  copies.forget();
  EXPECT_EQ(copies.bytes(), 0u);
}

TEST(PlainCopies, StayBounded) {
  PlainCopies copies;
  for (int i = 0; i < 1200; ++i) static_cast<void>(copies.of(shaped(16'000)));
  EXPECT_LE(copies.bytes(), PlainCopies::kBytesMax);
  EXPECT_GT(copies.bytes(), PlainCopies::kBytesMax / 2);
}

}  // namespace
}  // namespace xylem
