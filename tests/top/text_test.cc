// Goal    what strangers write can only be looked at.
// Method  the tricks that are known, and what must stay as it is.

#include "relay/top/text.h"

#include <gtest/gtest.h>

#include <clocale>

namespace xylem::top {
namespace {

class Text : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_NE(std::setlocale(LC_CTYPE, "C.UTF-8"), nullptr); }
  static std::string shown(std::string_view text) { return harmless(text, Letters::utf8); }
};

TEST_F(Text, ShowsControlCharactersAsEscapes) {
  EXPECT_EQ(shown("a\x1b[2Jb"), "a\\x1b[2Jb");
  EXPECT_EQ(shown("\r\n\t\x7f"), "\\r\\n\\t\\x7f");
  EXPECT_EQ(shown("\xc2\x9b"), "\\x9b");  // CSI in one character
  EXPECT_EQ(shown(std::string_view("\0", 1)), "\\x00");
}

TEST_F(Text, ShowsWhatTurnsOrHidesLettersAsEscapes) {
  EXPECT_EQ(shown("a\u202eb"), "a\\u202eb");
  EXPECT_EQ(shown("\u2066\u200b\ufeff\u00ad"), "\\u2066\\u200b\\ufeff\\xad");
  EXPECT_EQ(shown("\U000e0041"), "\\U000e0041");
  EXPECT_EQ(shown("\u2028"), "\\u2028");
}

TEST_F(Text, ShowsBytesThatAreNoCharacterAsEscapes) {
  EXPECT_EQ(shown("\xff\xc3(\xed\xa0\x80"), "\\xff\\xc3(\\xed\\xa0\\x80");
}

TEST_F(Text, LeavesLettersAlone) {
  EXPECT_EQ(shown("Grüße 日本 naïve"), "Grüße 日本 naïve");
  EXPECT_EQ(shown("e\u0301"), "e\u0301");
}

TEST_F(Text, HeapsNoAccents) {
  EXPECT_EQ(shown("e\u0301\u0301\u0301"), "e\u0301\u0301\\u0301");
  EXPECT_EQ(shown("\u0301"), "\\u0301");
}

TEST_F(Text, HasEscapesAloneWhereThereAreNoOtherLetters) {
  EXPECT_EQ(harmless("Grüße 日", Letters::ascii), "Gr\\xfc\\xdfe \\u65e5");
}

TEST_F(Text, TakesTwoColumnsForWideLetters) {
  EXPECT_EQ(columns_of("ab日本"), 6u);
  EXPECT_EQ(columns_of("e\u0301"), 1u);
  EXPECT_EQ(clipped("日本語", 4, Letters::utf8), "日…");
  EXPECT_EQ(fitted("日本語", 4, Align::left, Letters::utf8), "日… ");
}

TEST_F(Text, IsCutAndFilledToItsColumns) {
  EXPECT_EQ(fitted("abc", 5, Align::left, Letters::utf8), "abc  ");
  EXPECT_EQ(fitted("abc", 5, Align::right, Letters::utf8), "  abc");
  EXPECT_EQ(fitted("abcdef", 5, Align::right, Letters::utf8), "abcd…");
  EXPECT_EQ(fitted("abcdef", 5, Align::right, Letters::ascii), "abcd~");
  EXPECT_EQ(clipped("abc", 0, Letters::utf8), "");
}

}  // namespace
}  // namespace xylem::top
