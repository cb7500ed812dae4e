#include "relay/codec/shape.h"

#include <gtest/gtest.h>

#include "relay/event/batch.h"

namespace xylem {
namespace {

// The shape of an event, slots as $ for strings and # for others; "none" if it has none.
std::string shape(std::string text) {
  const std::size_t size = text.size();
  text.resize(size + Slab::kSlack);
  const auto outline = outline_of({text.data(), size});
  if (!outline) return "none";
  std::string written = write_shape({text.data(), size}, outline->slots);
  for (char& c : written) c = c == 1 ? '$' : c == 2 ? '#' : c;
  return written;
}

TEST(Shape, LeavesOutEveryValueButTheType) {
  EXPECT_EQ(shape(R"({"type": "task-sent", "uuid": "u", "n": -1.5e3, "ok": true, "no": null})"),
            R"({"type": "task-sent", "uuid": "$", "n": #, "ok": #, "no": #})");
  EXPECT_EQ(shape(R"({"l":[1,"a",[]],"o":{"type":"t"},"type":"x"})"),
            R"({"l":[#,"$",[]],"o":{"type":"$"},"type":"x"})");
}

TEST(Shape, IsNoneIfTheTypeNeedsMoreThanALook) {
  EXPECT_EQ(shape(R"({"n":1})"), "none");
  EXPECT_EQ(shape(R"({"type":"a","type":"b","n":1})"), "none");
  EXPECT_EQ(shape(R"({"type":"a","\u0074ype":"b","n":1})"), "none");
  EXPECT_EQ(shape(R"({"type":1,"n":1})"), "none");
  EXPECT_EQ(shape(R"({"type":"a","timestamp":1,"timestamp":2})"), "none");
  EXPECT_EQ(shape(R"({"type":"a"})"), "none") << "nothing to leave out";
}

TEST(Shape, IsNoneBeyondItsLimits) {
  std::string many = R"({"type":"a","l":[0)";
  for (std::size_t i = 1; i < kSlotsMax; ++i) many += ",0";
  EXPECT_NE(shape(many + "]}"), "none");
  EXPECT_EQ(shape(many + ",0]}"), "none");
  EXPECT_EQ(shape(R"({"type":"a","l":")" + std::string(kShapedBytesMax, 'x') + "\"}"), "none");
}

TEST(Shape, IsReadAsItWasWritten) {
  const auto empty = read_shape("{\"a\":\"\x01\",\"b\":\x02}");
  ASSERT_TRUE(empty);
  EXPECT_EQ(empty->text, R"({"a":"","b":})");
  ASSERT_EQ(empty->slots.size(), 2u);
  EXPECT_EQ(empty->slots[0].begin, 6);
  EXPECT_EQ(empty->slots[0].kind, SlotKind::string);
  EXPECT_EQ(empty->slots[1].begin, 12);
  EXPECT_EQ(fill_shape("{\"a\":\"\x01\",\"b\":\x02}"), R"({"a":"","b":0})");
  EXPECT_FALSE(read_shape("{}"));
  EXPECT_FALSE(read_shape(std::string(kSlotsMax + 1, '\x02')));
  EXPECT_TRUE(read_shape(std::string(kSlotsMax, '\x02')));
}

TEST(Slots, MoveWhenOneBeforeThemGrows) {
  Slots slots;
  slots.add({10, 2, SlotKind::scalar});
  slots.add({20, 5, SlotKind::scalar});
  slots.add({30, 1, SlotKind::scalar});
  const std::uint16_t lengths[] = {4, 0};
  EXPECT_EQ(slots.resize(0b011, lengths), -3);
  EXPECT_EQ(slots[1].begin, 22);
  EXPECT_EQ(slots[1].length, 0);
  EXPECT_EQ(slots[2].begin, 27);
}

}  // namespace
}  // namespace xylem
