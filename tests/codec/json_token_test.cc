#include "relay/codec/json_token.h"

#include <gtest/gtest.h>

#include "tests/doubles/chance.h"
#include "tests/doubles/random_events.h"
#include "tests/doubles/scanned_json.h"

namespace xylem {
namespace {

// With the slack that a look goes into, filled with what would be taken for more of the same.
class Text {
 public:
  explicit Text(std::string_view text) : size_(text.size()), bytes_(text) {
    bytes_.append(Slab::kSlack, '7');
  }
  [[nodiscard]] const char* begin() const { return bytes_.data(); }
  [[nodiscard]] const char* end() const { return bytes_.data() + size_; }

 private:
  std::size_t size_;
  std::string bytes_;
};

std::ptrdiff_t scalar(std::string_view text) {
  const Text padded(text);
  const char* end = end_of_json_scalar(padded.begin(), padded.end());
  return end == nullptr ? -1 : end - padded.begin();
}
std::ptrdiff_t string(std::string_view text) {
  const Text padded(text);
  const char* end = end_of_json_string(padded.begin(), padded.end());
  return end == nullptr ? -1 : end - padded.begin();
}

TEST(JsonScalar, EndsWhereItsTokenEnds) {
  for (const char* text : {"0", "-0", "12", "-3.5", "1e9", "1E-7", "0.0e+00", "true", "false",
                           "null", "123456789012345678901234567890"}) {
    EXPECT_EQ(scalar(text), static_cast<std::ptrdiff_t>(std::strlen(text))) << text;
    EXPECT_EQ(scalar(std::string(text) + ", 1"), static_cast<std::ptrdiff_t>(std::strlen(text)));
  }
}

TEST(JsonScalar, IsNothingElse) {
  for (const char* text : {"", "-", "+1", "01", "1.", ".5", "1e", "1e+", "tru", "nul", "fals",
                           "NaN", "Infinity", "\"a\"", "{", "[", " 1", "-x"}) {
    EXPECT_EQ(scalar(text), -1) << text;
  }
}

TEST(JsonString, EndsAtItsQuote) {
  EXPECT_EQ(string("\""), 0);
  EXPECT_EQ(string("abc\" \""), 3);
  EXPECT_EQ(string(R"(a\"b\\" )"), 6);
  EXPECT_EQ(string(R"(\u00e9\n\/")"), 10);
  EXPECT_EQ(string("\xC3\xA9\""), 2);
  for (std::size_t length = 0; length < 70; ++length) {
    EXPECT_EQ(string(std::string(length, 'x') + "\""), static_cast<std::ptrdiff_t>(length));
    EXPECT_EQ(string(std::string(length, 'x')), -1) << "never beyond the end";
    EXPECT_EQ(string(std::string(length, 'x') + "\x1F\""), -1);
    EXPECT_EQ(string(std::string(length, 'x') + "\xFF\""), -1);
  }
}

TEST(JsonString, RefusesWrongEscapesAndBrokenUtf8) {
  for (const char* text : {"\\x\"", "\\u12g4\"", "\\u123\"", "\\", "\xC3\"", "\xC0\x80\"",
                           "\xED\xA0\x80\"", "\n\"", "a\tb\""}) {
    EXPECT_EQ(string(text), -1) << text;
  }
}

TEST(JsonString, InsideMayNotHoldAQuote) {
  const auto inside = [](std::string_view text) {
    const Text padded(text);
    return is_json_string_inside({padded.begin(), text.size()});
  };
  EXPECT_TRUE(inside(""));
  EXPECT_TRUE(inside(R"(a\"b)"));
  EXPECT_FALSE(inside("a\"b"));
  EXPECT_FALSE(inside("a\\"));
  EXPECT_FALSE(inside(std::string(20, 'x') + "\x02"));
  EXPECT_FALSE(inside("\xC3"));
}

// What is between quotes is right exactly if the whole JSON parser takes it.
TEST(JsonString, AgreesWithTheParser) {
  testing::ScannedJson scanned;
  for (const std::uint64_t seed : testing::seeds(3000)) {
    testing::Chance chance(seed);
    std::string inside;
    for (std::size_t n = chance.below(40); n > 0; --n) {
      static constexpr std::string_view kBytes = "ab\\\"u0dn/\xC3\xA9\xF0\x9F\x98\x80\x1F\x7F\xE2";
      inside += kBytes[chance.below(kBytes.size())];
    }
    const Text padded(inside);
    const bool taken = scanned("{\"type\":\"t\",\"x\":\"" + inside + "\"}") == "t";
    const bool ours = is_json_string_inside({padded.begin(), inside.size()});
    // A quote inside may begin another member that makes the whole right again.
    if (inside.find('"') == std::string::npos) {
      EXPECT_EQ(ours, taken) << testing::named(seed) << " " << inside;
    }
  }
}

TEST(Microseconds, AreThoseOfAFloatOrNone) {
  EXPECT_EQ(microseconds_of("1732412345.25"), 1732412345250000);
  EXPECT_EQ(microseconds_of("1732412345.1234567"), 1732412345123457);
  EXPECT_EQ(microseconds_of("0.000001"), 1);
  EXPECT_EQ(microseconds_of("17324.5"), 17324500000);
  EXPECT_EQ(microseconds_of("1.7e3"), 1700000000);
  EXPECT_EQ(microseconds_of("-1.5"), -1500000);
  EXPECT_EQ(microseconds_of("12"), 12000000);
  EXPECT_EQ(microseconds_of("null"), 0);
  EXPECT_EQ(microseconds_of("1e300"), 0);
  EXPECT_EQ(microseconds_of("1 "), 0);
}

}  // namespace
}  // namespace xylem
