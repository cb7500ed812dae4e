#include "relay/top/screen.h"

#include <gtest/gtest.h>

namespace xylem::top {
namespace {

TEST(ScreenLines, EndWhereTheScreenEnds) {
  const Line line{{{"abcdef"}, {"ghij", Look::bad}, {"k"}}};
  const Line cut = clipped(line, 8, Letters::ascii);
  EXPECT_EQ(text_of({{cut}, {}}), "abcdefg~\n");
  EXPECT_EQ(cut.spans.back().look, Look::bad);
}

TEST(ScreenLines, HaveTwoEndsOfWhichTheLeftGivesWay) {
  EXPECT_EQ(text_of({{ends_of({"left"}, {"right"}, 12, Letters::ascii)}, {}}), "left   right\n");
  EXPECT_EQ(text_of({{ends_of({"longer"}, {"right"}, 8, Letters::ascii)}, {}}), "lo~right\n");
}

TEST(ScreenLines, AreTextWithoutSpacesAtTheirEnds) {
  EXPECT_EQ(text_of({{line_of("a  "), line_of("")}, {}}), "a\n\n");
}

}  // namespace
}  // namespace xylem::top
