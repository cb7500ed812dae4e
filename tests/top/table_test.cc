#include "relay/top/table.h"

#include <gtest/gtest.h>

#include <clocale>

namespace xylem::top {
namespace {

const std::vector<Column> kColumns{
    {"name", "NAME", 6, Align::left, 2},
    {"count", "CNT", 5, Align::right},
    {"", "MORE", 4, Align::left, 1, 6, 40},
};

class Tables : public ::testing::Test {
 protected:
  void SetUp() override { std::setlocale(LC_CTYPE, "C.UTF-8"); }
  static Row row(const std::string& name, std::optional<double> count) {
    Row made;
    made.cells = {
        {name}, {count ? std::to_string(static_cast<int>(*count)) : "-", Look::bad, count}, {"m"}};
    return made;
  }
  static std::string shown(const Table& table, std::size_t columns, const Part& part,
                           const Order& order = {}) {
    return text_of({lines_of(table, order, part, columns, Letters::utf8), {}});
  }
  Table table_{&kColumns, {row("beta", 2), row("alpha", 10), row("none", std::nullopt)}};
};

TEST_F(Tables, ShareTheRoomThatIsLeft) {
  EXPECT_EQ(shown(table_, 20, {0, 9}),
            "NAME             CNT\n"
            "beta               2\n"
            "alpha             10\n"
            "none               -\n");
}

TEST_F(Tables, HaveMoreColumnsOnWiderScreens) {
  EXPECT_EQ(shown(table_, 40, {0, 1}),
            "NAME                          CNT MORE\n"
            "beta                            2 m\n");
}

TEST_F(Tables, AreSortedByFiguresOrTexts) {
  sort_rows(table_, {"count", false});
  EXPECT_EQ(table_.rows[0].cells[0].text, "alpha");
  EXPECT_EQ(table_.rows[2].cells[0].text, "none");
  sort_rows(table_, {"name", true});
  EXPECT_EQ(table_.rows[0].cells[0].text, "alpha");
  EXPECT_EQ(table_.rows[1].cells[0].text, "beta");
  sort_rows(table_, {"nothing", true});
  EXPECT_EQ(table_.rows[0].cells[0].text, "alpha");
}

TEST_F(Tables, SayWhatTheyAreSortedBy) {
  EXPECT_EQ(shown(table_, 20, {0, 0}, {"count", false}), "NAME            CNTv\n");
  EXPECT_EQ(shown(table_, 20, {0, 0}, {"name", true}), "NAME^            CNT\n");
}

TEST_F(Tables, ShowAPartWithABar) {
  const auto lines = lines_of(table_, {}, {1, 2, 2}, 20, Letters::utf8);
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_TRUE(lines[0].is_bar);
  EXPECT_FALSE(lines[1].is_bar);
  EXPECT_TRUE(lines[2].is_bar);
}

TEST_F(Tables, ShowHostileTextAsEscapesAndInItsPlace) {
  table_.rows = {row("\x1b[31m\xff日本", 1)};
  EXPECT_EQ(shown(table_, 20, {0, 1}),
            "NAME             CNT\n"
            "\\x1b[31m\\xff…      1\n");
}

}  // namespace
}  // namespace xylem::top
