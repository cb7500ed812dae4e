#include "relay/filter/python_literal.h"

#include <gtest/gtest.h>

namespace xylem {
namespace {

TEST(PythonLiteral, HasElements) {
  constexpr std::string_view kArgs = R"((17, 'a, (b', "it's", [1, {'x': 2}], None, 'a\'b'))";
  EXPECT_EQ(python_element(kArgs, 0), "17");
  EXPECT_EQ(python_element(kArgs, 1), "'a, (b'");
  EXPECT_EQ(python_element(kArgs, 2), "\"it's\"");
  EXPECT_EQ(python_element(kArgs, 3), "[1, {'x': 2}]");
  EXPECT_EQ(python_element(kArgs, 5), R"('a\'b')");
  EXPECT_FALSE(python_element(kArgs, 6));
  EXPECT_EQ(python_element("(1,)", 0), "1");
  EXPECT_FALSE(python_element("(1,)", 1));
  EXPECT_FALSE(python_element("()", 0));
}

TEST(PythonLiteral, HasItems) {
  constexpr std::string_view kKwargs = R"({'a': 1, "b": 'x: y', 3: (1, 2), 'c': {'a': 9}})";
  EXPECT_EQ(python_item(kKwargs, "a"), "1");
  EXPECT_EQ(python_item(kKwargs, "b"), "'x: y'");
  EXPECT_EQ(python_item(kKwargs, "3"), "(1, 2)");
  EXPECT_FALSE(python_item(kKwargs, "d"));
  EXPECT_FALSE(python_item("{}", "a"));
}

TEST(PythonLiteral, MayBeCutOffAnywhere) {
  constexpr std::string_view kWhole = R"({'a': ('x', "y\"", [1]), 'b': {'c': 'd'}})";
  for (std::size_t bytes = 0; bytes <= kWhole.size(); ++bytes) {
    static_cast<void>(python_item(kWhole.substr(0, bytes), "b"));
    static_cast<void>(python_element(kWhole.substr(bytes), 1));
  }
  EXPECT_EQ(python_element("('abc...", 0), "'abc...");
  EXPECT_FALSE(python_element(std::string(2000, '('), 0));
  EXPECT_EQ(without_quotes("'a'"), "a");
  EXPECT_EQ(without_quotes("'"), "'");
}

}  // namespace
}  // namespace xylem
