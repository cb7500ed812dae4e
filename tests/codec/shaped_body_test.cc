#include "relay/codec/shaped_body.h"

#include <gtest/gtest.h>

#include <bit>

#include "relay/event/batch.h"
#include "tests/doubles/chance.h"

namespace xylem {
namespace {

TEST(ShapedBody, IsReadAsItWasWritten) {
  for (const std::uint64_t seed : testing::seeds(300)) {
    SCOPED_TRACE(testing::named(seed));
    testing::Chance chance(seed);
    const auto changed = static_cast<std::uint32_t>(chance.any());
    std::vector<std::string> texts;
    std::vector<const char*> values;
    std::vector<std::uint16_t> lengths;
    std::string all;
    for (int i = 0; i < std::popcount(changed); ++i) {
      texts.emplace_back(chance.below(chance.one_in(5) ? 400 : 20),
                         static_cast<char>('a' + i % 26));
      all += texts.back();
    }
    for (std::string& text : texts) {
      lengths.push_back(static_cast<std::uint16_t>(text.size()));
      text.resize(text.size() + Slab::kSlack);
      values.push_back(text.data());
    }
    std::string written(shaped_body_bytes_max(all.size()) + Slab::kSlack, '\0');
    const char* end = write_shaped_body({changed, values.data(), lengths.data()}, written.data());
    written.resize(static_cast<std::size_t>(end - written.data()));
    ReadBody read;
    ASSERT_TRUE(read_shaped_body(written, read));
    EXPECT_EQ(read.changed, changed);
    EXPECT_EQ(std::string_view(read.values, all.size()), all);
    for (std::size_t i = 0; i < lengths.size(); ++i) EXPECT_EQ(read.lengths[i], lengths[i]);
    written.pop_back();
    EXPECT_FALSE(read_shaped_body(written, read)) << "cut off";
  }
}

}  // namespace
}  // namespace xylem
